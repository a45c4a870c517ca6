// What does a subscription hold? Applies its commits to its tables, all of a commit or nothing, tells listeners once per
// commit, and stores what changed. `Copy` and `Sync` are what users see of it.
import type { Connection } from './connection.js';
import type { Plan } from './document.js';
import { EverwireError } from './error.js';
import { Follow, type Follower, type FollowState } from './follow.js';
import { Listeners } from './listeners.js';
import type { Saving, Storage } from './saved.js';
import type { Commit } from './stream.js';
import { TableRows, type Delta, type Row } from './table.js';
import type { Shelf } from './write.js';
import type { Writes } from './writes.js';

export interface FeedState extends FollowState {
  /** Whether there is a whole copy in sight, be it an old one. */
  readonly ready: boolean;
}

export interface FeedContext {
  readonly connection: Connection;
  readonly writes: Writes;
  readonly storage: Storage | undefined;
}

/** Own writes are answered within this many commits, or their draft goes by time. */
const REMEMBERED = 500;
const SAVE_PAUSE = 100;

export class Feed implements Follower {
  readonly tables: readonly TableRows[];
  readonly shelves: readonly Shelf[];
  /** Fulfilled when there is a whole copy; rejected when the server refuses, or the feed is closed before. */
  readonly ready: Promise<void>;
  readonly #name: string;
  readonly #context: FeedContext;
  readonly #follow: Follow;
  readonly #listeners = new Listeners();
  readonly #transactions = new Set<string>();
  #state: FeedState;
  #isReady = false;
  #fulfil!: () => void;
  #reject!: (error: EverwireError) => void;
  /** What is not stored yet. */
  #unsaved: Saving | undefined;
  #saving: Promise<void> = Promise.resolve();
  #saveTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(context: FeedContext, name: string, plan: Plan, variables: Record<string, unknown>) {
    this.#context = context;
    this.#name = name;
    this.tables = plan.tables.map((table) => new TableRows(table));
    this.#follow = new Follow(context.connection, plan, variables, this);
    this.#state = { ...this.#follow.state, ready: false };
    this.ready = new Promise((fulfil, reject) => {
      this.#fulfil = fulfil;
      this.#reject = reject;
    });
    this.ready.catch(() => undefined);
    this.shelves = this.tables.map((table) => ({
      name: `${name}\n${table.plan.list}`,
      table,
      liveAt: () => (this.#state.status === 'live' ? this.#state.heardAt : null),
      hasSeen: (transaction) => this.#transactions.has(transaction),
      stored: () => this.#flush(),
    }));
    for (const shelf of this.shelves) context.writes.add(shelf);
    void this.#begin();
  }

  get state(): FeedState {
    return this.#state;
  }

  subscribe(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  close(): void {
    if (this.#state.status === 'closed') return;
    this.#follow.close();
    for (const shelf of this.shelves) this.#context.writes.remove(shelf);
    this.#reject(new EverwireError('CLOSED', 'the copy was closed'));
    void this.#flush();
  }

  commit(commit: Commit): 'applied' | 'refused' {
    const fresh = commit.reset !== null;
    const deltas: Delta[] = [];
    for (const table of this.tables) {
      const delta = table.prepare(
        commit.parts.map((part) => part[table.plan.list] as readonly unknown[]),
        fresh,
      );
      if (!delta) return 'refused';
      deltas.push(delta);
    }
    this.#keep(commit, deltas);
    for (const [index, table] of this.tables.entries()) table.apply(deltas[index] as Delta);
    if (commit.transaction !== null) this.#remember(commit.transaction);
    this.#nowReady();
    return 'applied';
  }

  /** The rows, the state or both are others: told together. */
  changed(): void {
    const state = this.#follow.state;
    this.#state = { ...state, ready: this.#isReady };
    for (const table of this.tables) table.notify();
    if (state.status === 'failed' && state.error) this.#reject(state.error);
    this.#listeners.tell();
  }

  async #begin(): Promise<void> {
    const { storage, writes } = this.#context;
    if (!storage) return this.#follow.start(null);
    const [saved] = await Promise.all([
      storage.loadCopy(this.#name),
      ...this.tables.map((table) => writes.keys.remember(table.plan.type)),
    ]);
    if (!saved || saved.tables.length !== this.tables.length) return this.#follow.start(null);
    for (const [index, table] of this.tables.entries()) {
      table.apply({ fresh: true, rows: saved.tables[index] ?? new Map<string, Row>() });
    }
    this.#nowReady();
    this.#follow.start(saved.position);
  }

  #nowReady(): void {
    if (this.#isReady) return;
    this.#isReady = true;
    // With the keys of its tables, which writes need.
    const { writes } = this.#context;
    void Promise.all(this.tables.map((table) => writes.keys.learn(table.plan.type))).then(this.#fulfil, this.#fulfil);
  }

  #remember(transaction: string): void {
    this.#transactions.add(transaction);
    if (this.#transactions.size > REMEMBERED) {
      const [oldest] = this.#transactions;
      if (oldest !== undefined) this.#transactions.delete(oldest);
    }
    this.#context.writes.told(this.shelves, transaction);
  }

  /** Adds a commit to what is to be stored. */
  #keep(commit: Commit, deltas: readonly Delta[]): void {
    if (!this.#context.storage) return;
    const whole = commit.reset !== null;
    const before = whole ? undefined : this.#unsaved;
    const from = whole ? null : before ? before.from : this.#follow.state.position;
    const tables = deltas.map(({ rows }, index) => new Map([...(before?.tables[index] ?? []), ...rows]));
    this.#unsaved = { from, position: commit.sequence, tables };
    this.#saveTimer ??= setTimeout(() => void this.#flush(), SAVE_PAUSE);
  }

  /** Stores what is not stored yet, one time after the other. */
  #flush(): Promise<void> {
    clearTimeout(this.#saveTimer);
    this.#saveTimer = undefined;
    const { storage } = this.#context;
    const saving = this.#unsaved;
    this.#unsaved = undefined;
    if (storage && saving) this.#saving = this.#saving.then(() => storage.saveCopy(this.#name, saving));
    return this.#saving;
  }
}
