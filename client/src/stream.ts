// Is this the next message, and is a commit whole? Takes the messages of one subscription as they arrive, with what may
// happen to them on the way (lost, repeated, in another order), and gives commits, each whole and each once. Knows
// nothing of connections and of what a row is.
import { epoch, isUnfinished } from './sequence.js';

/** What every message of a subscription says beside its changes. */
export interface Envelope {
  readonly sequence: string;
  readonly previous: string | null;
  readonly reset: string | null;
  readonly more: boolean;
  readonly transaction: string | null;
  readonly [list: string]: unknown;
}

/** All that one transaction did, or a starting copy: the parts belong together. */
export interface Commit {
  /** Not null: this is a new copy, and why. */
  readonly reset: string | null;
  /** The position after it. */
  readonly sequence: string;
  readonly transaction: string | null;
  readonly parts: readonly Envelope[];
}

export type Verdict =
  | { readonly kind: 'commit'; readonly commit: Commit }
  /** A part; the commit is not whole yet. */
  | { readonly kind: 'part' }
  /** Came before. */
  | { readonly kind: 'repeated' }
  /** Something is missing. Nothing of this subscription can be trusted from here on. */
  | { readonly kind: 'gap'; readonly why: string };

export class Stream {
  /** The position of the last whole commit, from which another subscription can go on. */
  #position: string | null;
  /** The position of the last message, a part included. */
  #last: string | null;
  #parts: Envelope[] = [];
  /** Nothing has arrived yet. */
  #isFresh = true;

  constructor(position: string | null) {
    this.#position = position;
    this.#last = position;
  }

  get position(): string | null {
    return this.#position;
  }

  accept(message: Envelope): Verdict {
    if (message.reset === null) {
      const why = this.#missing(message);
      if (why !== null) return { kind: 'gap', why };
      if (this.#isRepeated(message)) return { kind: 'repeated' };
    } else if (this.#isOutdated(message)) {
      return { kind: 'repeated' };
    } else {
      // A new copy: whatever the parts before it belonged to is void.
      this.#parts = [];
    }
    this.#isFresh = false;
    this.#last = message.sequence;
    this.#parts.push(message);
    if (message.more) return { kind: 'part' };
    const parts = this.#parts;
    this.#parts = [];
    this.#position = message.sequence;
    const { sequence, transaction } = message;
    return { kind: 'commit', commit: { reset: parts[0]?.reset ?? null, sequence, transaction, parts } };
  }

  /** A copy from before what is held came earlier; only a subscription's first message may lead back, after a restore. */
  #isOutdated({ sequence, reset, more }: Envelope): boolean {
    const last = this.#last;
    if (last === null || more || isUnfinished(last) || epoch(last) !== epoch(sequence)) return false;
    return sequence < last && !(reset === 'EPOCH' && this.#isFresh);
  }

  /** What is missing before this message, if anything. */
  #missing({ sequence, previous }: Envelope): string | null {
    const last = this.#last;
    if (last === null) return 'the first message is no copy';
    if (epoch(sequence) !== epoch(last)) return 'the message is of another history';
    if (previous === null) return 'the message names none before it';
    // The parts of a copy stand outside of the log's order: each must follow its own predecessor.
    if (isUnfinished(previous) || isUnfinished(last)) {
      return previous === last || sequence === last ? null : 'a part of a copy is missing';
    }
    return previous <= last ? null : 'the message before this one did not arrive';
  }

  #isRepeated({ sequence }: Envelope): boolean {
    return this.#last !== null && sequence <= this.#last;
  }
}
