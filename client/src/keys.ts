// Of what does the key of a type consist, and may the client make one? Asks the server once for each type, and remembers
// over visits.
import type { Asking } from './asking.js';
import { EverwireError } from './error.js';
import { keyQuestion, readKey, type KeyColumn } from './mutation.js';
import { randomId } from './random.js';
import type { Storage } from './saved.js';
import type { Key } from './table.js';

export class Keys {
  readonly #asking: Asking;
  readonly #storage: Storage | undefined;
  readonly #known = new Map<string, readonly KeyColumn[]>();
  readonly #learning = new Map<string, Promise<readonly KeyColumn[] | undefined>>();

  constructor(asking: Asking, storage: Storage | undefined) {
    this.#asking = asking;
    this.#storage = storage;
  }

  /** A key that nobody else has; undefined if only the server can make one. */
  make(type: string): Key | undefined {
    const [only, ...others] = this.#known.get(type) ?? [];
    return only?.scalar === 'UUID' && others.length === 0 ? { [only.name]: randomId() } : undefined;
  }

  /** Of what the type's key consists; undefined if the server did not say. */
  learn(type: string): Promise<readonly KeyColumn[] | undefined> {
    const known = this.#known.get(type);
    if (known) return Promise.resolve(known);
    const learning = this.#learning.get(type) ?? this.#ask(type);
    this.#learning.set(type, learning);
    return learning.finally(() => this.#learning.delete(type));
  }

  /** Learns from the last visit what can be known before there is a connection. */
  async remember(type: string): Promise<void> {
    const note = await this.#storage?.loadNote(`key ${type}`);
    if (Array.isArray(note) && !this.#known.has(type)) this.#known.set(type, note as readonly KeyColumn[]);
  }

  async #ask(type: string): Promise<readonly KeyColumn[] | undefined> {
    const response = await this.#asking.ask(keyQuestion(type));
    if (response === 'lost' || response instanceof EverwireError) return undefined;
    const columns = readKey(response.data);
    this.#known.set(type, columns);
    void this.#storage?.saveNote(`key ${type}`, columns);
    return columns;
  }
}
