// Where does a subscription stand? Runs one over whatever connection there is, from the last whole commit on: again after a
// lost connection, a gap or a passing error. Hands on commits, each whole and each once.
import type { Loss, Request, Response, Wire, WireUser } from './connection.js';
import type { Plan } from './document.js';
import { EverwireError, fromResponse, isPassing } from './error.js';
import { Stream, type Commit, type Envelope } from './stream.js';

export type Status = 'connecting' | 'catching up' | 'live' | 'offline' | 'failed' | 'closed';

export interface Gaps {
  readonly noticed: number;
  readonly healed: number;
}

export interface FollowState {
  readonly status: Status;
  /** The position of the last commit that was applied. */
  readonly position: string | null;
  /** When the last message came, in milliseconds as of `Date.now()`. */
  readonly heardAt: number | null;
  /** Why the last copy was a new one. */
  readonly reset: string | null;
  /** How often a message was found to be missing, and how often all was there again. */
  readonly gaps: Gaps;
  /** Why the status is `failed`. */
  readonly error: EverwireError | null;
}

export interface Follower {
  /** Applies a commit, or refuses it: then the copy starts over. */
  commit(commit: Commit): 'applied' | 'refused';
  changed(): void;
}

const LONGEST_PAUSE = 5_000;
const PROBE: Request = { query: 'query { __typename }' };
/** The server reads what a client missed from memory. */
const QUIET = 300;
/** So often a gap is tried to be closed from the same position, before a new copy is asked for. */
const PATIENCE = 3;

export class Follow implements WireUser {
  readonly #wire: Wire;
  readonly #plan: Plan;
  readonly #variables: Record<string, unknown>;
  readonly #follower: Follower;
  #state: FollowState;
  #detach: (() => void) | undefined;
  #unsubscribe: (() => void) | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Troubles since the last commit. */
  #troubles = 0;

  constructor(wire: Wire, plan: Plan, variables: Record<string, unknown>, follower: Follower) {
    this.#wire = wire;
    this.#plan = plan;
    this.#variables = variables;
    this.#follower = follower;
    this.#state = {
      status: 'connecting',
      position: null,
      heardAt: null,
      reset: null,
      gaps: { noticed: 0, healed: 0 },
      error: null,
    };
  }

  get state(): FollowState {
    return this.#state;
  }

  /** Begins after this position, or with a copy. */
  start(position: string | null): void {
    if (this.#detach || this.#state.status === 'closed') return;
    this.#set({ position });
    this.#detach = this.#wire.attach(this);
  }

  close(): void {
    this.#end();
    this.#set({ status: 'closed' });
  }

  opened(): void {
    this.#subscribe();
  }

  lost(cause: Loss): void {
    this.#quit();
    const { gaps } = this.#state;
    // Whose message was missing nobody knows: it may have been one of these. If it was, the copy has just noticed it itself.
    const isNew = cause === 'gap' && gaps.noticed === gaps.healed;
    this.#set({ status: 'offline', gaps: isNew ? { ...gaps, noticed: gaps.noticed + 1 } : gaps });
  }

  #subscribe(): void {
    this.#quit();
    const { position } = this.#state;
    const stream = new Stream(position);
    const request: Request = { query: this.#plan.query, variables: { ...this.#variables, since: position } };
    this.#set({ status: position === null ? 'connecting' : 'catching up' });
    // What a subscription that was given up still says is not heard.
    let isCurrent = true;
    let isSilent = true;
    const heard = (act: () => void): void => {
      if (isCurrent) act();
    };
    const end = this.#wire.run(request, {
      next: (response) => {
        isSilent = false;
        heard(() => this.#hear(stream, response));
      },
      error: (error) => heard(() => this.#trouble(error)),
      complete: () => heard(() => this.#trouble(new EverwireError('UNAVAILABLE', 'the server ended the subscription'))),
    });
    this.#unsubscribe = () => {
      isCurrent = false;
      end();
    };
    // Where there was nothing to catch up with nothing comes: then the server's answer to a question after it shows that
    // it has read the subscription, and silence that there is no more.
    if (position === null) return;
    const quiet = (): void => {
      if (isSilent) this.#set({ status: 'live', gaps: healed(this.#state.gaps) });
    };
    this.#wire.run(PROBE, {
      next: () => heard(() => isSilent && (this.#timer = setTimeout(() => heard(quiet), QUIET))),
      error: () => undefined,
      complete: () => undefined,
    });
  }

  #hear(stream: Stream, response: Response): void {
    const message = response.data?.[this.#plan.root] as Envelope | null | undefined;
    if (!message) return this.#trouble(fromResponse(response.errors ?? []));
    const verdict = stream.accept(message);
    const heardAt = Date.now();
    switch (verdict.kind) {
      case 'repeated':
        // Where the last position is told again there is nothing after it.
        if (message.sequence !== this.#state.position) return this.#set({ heardAt });
        return this.#set({ heardAt, status: 'live', gaps: healed(this.#state.gaps) });
      case 'part':
        return this.#set({ heardAt, status: this.#state.position === null ? 'connecting' : 'catching up' });
      case 'gap':
        return this.#gap();
      case 'commit':
        return this.#commit(verdict.commit, heardAt);
    }
  }

  #commit(commit: Commit, heardAt: number): void {
    if (this.#follower.commit(commit) === 'refused') {
      // The copy is not what the server takes it for.
      this.#set({ position: null });
      return this.#gap();
    }
    this.#troubles = 0;
    this.#set({
      status: 'live',
      position: commit.sequence,
      heardAt,
      reset: commit.reset ?? this.#state.reset,
      gaps: healed(this.#state.gaps),
    });
  }

  #gap(): void {
    const { gaps, position } = this.#state;
    this.#set({ gaps: { ...gaps, noticed: gaps.noticed + 1 }, position: this.#troubles < PATIENCE ? position : null });
    this.#again();
  }

  #trouble(error: EverwireError): void {
    if (isPassing(error)) return this.#again();
    this.#end();
    this.#set({ status: 'failed', error });
  }

  /** Subscribes again: at once the first time, then after growing pauses. */
  #again(): void {
    this.#quit();
    const pause = this.#troubles === 0 ? 0 : Math.min(100 * 2 ** this.#troubles, LONGEST_PAUSE);
    this.#troubles += 1;
    this.#set({ status: this.#state.position === null ? 'connecting' : 'catching up' });
    this.#timer = setTimeout(() => this.#wire.isOpen && this.#subscribe(), pause);
  }

  #quit(): void {
    clearTimeout(this.#timer);
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
  }

  #end(): void {
    this.#quit();
    this.#detach?.();
    this.#detach = undefined;
  }

  #set(change: Partial<FollowState>): void {
    this.#state = { ...this.#state, ...change };
    this.#follower.changed();
  }
}

/** All that was noticed is healed. The same object if nothing changes. */
function healed(gaps: Gaps): Gaps {
  return gaps.healed === gaps.noticed ? gaps : { ...gaps, healed: gaps.noticed };
}
