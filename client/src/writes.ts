// What became of the own writes? Shows each at once on the tables that it concerns, sends them one after the other in the order
// in which they were made, and takes each away when the server's word of it is there: its transaction in the stream, or a
// refusal. A write whose answer was lost with the connection is made again: it says what is to be, so that twice is as once.
import { Asking } from './asking.js';
import type { Wire, WireUser } from './connection.js';
import type { TablePlan } from './document.js';
import { EverwireError, isPassing } from './error.js';
import { Keys } from './keys.js';
import { Listeners } from './listeners.js';
import { mutation } from './mutation.js';
import { randomId } from './random.js';
import type { SavedWrite, Storage } from './saved.js';
import { isEqual, type Key, type Row } from './table.js';
import { answered, draft, Entry, snapshot, temporaryKey, type Shelf, type Write, type WriteStatus } from './write.js';

export interface WritesOptions {
  readonly storage: Storage | undefined;
  readonly refused: (write: Write) => void;
}

/** An answered write of which the stream says nothing (no row in sight changed by it) is shown that much longer. */
const SETTLE = 3_000;
const SHORTEST_PAUSE = 100;
const LONGEST_PAUSE = 10_000;

export class Writes implements WireUser {
  readonly #wire: Wire;
  readonly #options: WritesOptions;
  readonly #owner = randomId();
  readonly #shelves = new Set<Shelf>();
  readonly #asking: Asking;
  /** Of what keys consist, which writes must say. */
  readonly keys: Keys;
  readonly #listeners = new Listeners();
  readonly #refused = new Listeners<[Write]>();
  #entries: readonly Entry[] = [];
  #unfinished: readonly Write[] = [];
  #order = 0;
  #detach: (() => void) | undefined;
  #isSending = false;
  readonly #adopted: Promise<void>;
  #isClosed = false;

  constructor(wire: Wire, options: WritesOptions) {
    this.#wire = wire;
    this.#options = options;
    this.#asking = new Asking(wire);
    this.keys = new Keys(this.#asking, options.storage);
    this.#refused.add(options.refused);
    this.#adopted = this.#adopt();
  }

  /** Those that are not done yet, in their order. The same array as long as nothing changes. */
  get unfinished(): readonly Write[] {
    return this.#unfinished;
  }

  subscribe(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  /** From now on the shelf shows the writes on rows of its type. */
  add(shelf: Shelf): void {
    this.#shelves.add(shelf);
    this.#draw(shelf.table.plan.type);
    if (this.#detach) void this.keys.learn(shelf.table.plan.type);
    else this.#attach();
  }

  remove(shelf: Shelf): void {
    this.#shelves.delete(shelf);
    for (const entry of this.#entries) this.#settleIfTold(entry);
    this.#leave();
  }

  write(shelf: Shelf, op: Write['op'], key: Key | undefined, values: Row, show: Row = {}): Write {
    const { plan } = shelf.table;
    const made = key ?? this.keys.make(plan.type);
    this.#order = Math.max(this.#order + 1, Date.now());
    const entry = new Entry({
      id: randomId(),
      owner: this.#owner,
      order: this.#order,
      op,
      type: plan.type,
      argument: plan.argument,
      origin: shelf.name,
      key: made ?? temporaryKey(plan.key),
      keyColumns: plan.key,
      keyIsKnown: made !== undefined,
      columns: asked(plan),
      values: op === 'create' || op === 'put' ? { ...values, ...made } : values,
      show,
      attempts: 0,
      transaction: null,
    });
    this.#set([...this.#entries, entry]);
    this.#draw(entry.type);
    this.#attach();
    void this.#save(entry).then(() => this.#send());
    return entry;
  }

  /** A shelf applied a commit: what it says of own writes is the truth now. */
  told(shelves: readonly Shelf[], transaction: string): void {
    const last = this.#entries.find((entry) => entry.saved.transaction === transaction);
    if (!last) return;
    const entries = this.#upTo(last);
    for (const entry of entries) for (const shelf of shelves) entry.settled.add(shelf);
    for (const entry of entries) this.#settleIfTold(entry);
    for (const shelf of shelves) if (entries.some(({ type }) => type === shelf.table.plan.type)) this.#drawOn(shelf);
  }

  opened(): void {
    for (const type of new Set([...this.#shelves].map(({ table }) => table.plan.type))) void this.keys.learn(type);
    void this.#send();
  }

  lost(): void {
    this.#asking.abandon();
  }

  close(): void {
    this.#isClosed = true;
    this.lost();
    this.#detach?.();
  }

  async #adopt(): Promise<void> {
    const saved = (await this.#options.storage?.adoptWrites(this.#owner)) ?? [];
    if (saved.length === 0 || this.#isClosed) return;
    const entries = saved.map((write) => new Entry(write));
    this.#order = Math.max(this.#order, ...saved.map(({ order }) => order));
    this.#set([...entries, ...this.#entries]);
    for (const type of new Set(entries.map((entry) => entry.type))) this.#draw(type);
    for (const entry of entries) if (entry.status === 'answered') this.#settleInTime(entry);
    this.#attach();
  }

  #attach(): void {
    if (!this.#isClosed) this.#detach ??= this.#wire.attach(this);
  }

  /** Wants no connection where there is nothing to write on and nothing to send. */
  #leave(): void {
    if (this.#shelves.size > 0 || this.#entries.length > 0) return;
    this.#detach?.();
    this.#detach = undefined;
  }

  /** Sends what waits, one after the other: each may build on the one before it. */
  async #send(): Promise<void> {
    if (this.#isSending) return;
    this.#isSending = true;
    try {
      await this.#adopted;
      for (let pause = SHORTEST_PAUSE; this.#wire.isOpen && !this.#isClosed;) {
        const entry = this.#entries.find(({ status }) => status === 'waiting' || status === 'sent');
        if (!entry) break;
        const outcome = await this.#attempt(entry);
        if (outcome === 'answered') {
          pause = SHORTEST_PAUSE;
        } else if (this.#wire.isOpen) {
          await new Promise((resolve) => setTimeout(resolve, pause));
          pause = Math.min(pause * 2, LONGEST_PAUSE);
        }
      }
    } finally {
      this.#isSending = false;
    }
  }

  async #attempt(entry: Entry): Promise<'answered' | 'later' | 'lost'> {
    const { saved } = entry;
    if (saved.attempts > 0 && !saved.keyIsKnown) {
      const message = `whether the new ${saved.type} was stored is not known: the connection was lost before the answer, and the server makes its key`;
      this.#refuse(entry, new EverwireError('ANSWER_LOST', message));
      return 'answered';
    }
    const key = saved.op === 'patch' || saved.op === 'delete' ? await this.keys.learn(saved.type) : [];
    if (!key) return 'lost';
    // A create that may have been made already is made again as what it is by now: the row with this key.
    const op = saved.op === 'create' && saved.attempts > 0 ? 'put' : saved.op;
    entry.saved = { ...saved, attempts: saved.attempts + 1 };
    this.#mark(entry, 'sent');
    await this.#save(entry);
    const response = await this.#asking.ask(mutation(entry.saved, op, key));
    if (response === 'lost') return 'lost';
    if (response instanceof EverwireError) return this.#failed(entry, response);
    const transaction = response.extensions?.['transaction'];
    const [row] = Object.values(response.data ?? {}) as (Row | null | undefined)[];
    if (saved.op === 'patch' && !row) {
      this.#refuse(entry, new EverwireError('NOT_FOUND', `there is no ${saved.type} with the key ${entry.keyText}`));
    } else {
      this.#answered(entry, row ?? null, typeof transaction === 'string' ? transaction : '');
    }
    return 'answered';
  }

  #failed(entry: Entry, error: EverwireError): 'answered' | 'later' {
    const { saved } = entry;
    const isRepeatable = saved.keyIsKnown || error.code === 'RETRY';
    if (isPassing(error) && isRepeatable) {
      // It did not take effect, or may be made again.
      if (error.code === 'RETRY') entry.saved = { ...saved, attempts: saved.attempts - 1 };
      return 'later';
    }
    this.#refuse(entry, error);
    return 'answered';
  }

  #answered(entry: Entry, row: Row | null, transaction: string): void {
    const { saved } = entry;
    if (row && saved.op !== 'delete') entry.answer = row;
    entry.saved = { ...saved, transaction };
    if (!saved.keyIsKnown && row) this.#nameKey(entry, row);
    this.#mark(entry, 'answered');
    void this.#save(entry);
    entry.fulfil(saved.op === 'delete' ? null : row);
    entry.answeredAt = Date.now();
    for (const shelf of this.#shelves) {
      if (shelf.hasSeen(transaction)) for (const one of this.#upTo(entry)) one.settled.add(shelf);
      else if (this.#changesNothing(entry, shelf)) entry.settled.add(shelf);
    }
    for (const one of this.#upTo(entry)) this.#settleIfTold(one);
    this.#settleInTime(entry);
    this.#draw(entry.type);
  }

  /** The server made the key: the row, and what was written on it meanwhile, has it from now on. */
  #nameKey(entry: Entry, row: Row): void {
    const named = new Map(entry.saved.columns.map(([name, column]) => [column, row[name]]));
    const key = Object.fromEntries(entry.saved.keyColumns.map((column) => [column, named.get(column)]));
    const temporary = entry.keyText;
    for (const one of this.#entries) {
      if (one.type !== entry.type || one.keyText !== temporary) continue;
      one.saved = { ...one.saved, key, keyIsKnown: true };
      void this.#save(one);
    }
  }

  #refuse(entry: Entry, error: EverwireError): void {
    entry.error = error;
    this.#finish(entry, 'refused');
    entry.refuse(error);
    this.#refused.tell(entry);
  }

  /** Writes are made one after the other: whoever has seen one committed has seen those before it. */
  #upTo(last: Entry): readonly Entry[] {
    const answered = this.#entries.filter(({ status }) => status === 'answered');
    return answered.slice(0, answered.indexOf(last) + 1);
  }

  /** All tables that show it have the server's word. */
  #settleIfTold(entry: Entry): void {
    if (entry.status !== 'answered') return;
    const concerned = [...this.#shelves].filter((shelf) => this.#concerns(entry, shelf));
    if (concerned.length === 0) this.#finish(entry, 'done');
  }

  /** A commit that changes nothing in a table's sight is never told to it. */
  #settleInTime(entry: Entry): void {
    setTimeout(() => {
      if (entry.status !== 'answered' || this.#isClosed) return;
      // A message that came after the answer would have told of anything missing before it.
      const isSilent = (shelf: Shelf): boolean => (shelf.liveAt() ?? 0) > entry.answeredAt;
      if ([...this.#shelves].every((shelf) => !this.#concerns(entry, shelf) || isSilent(shelf))) {
        for (const one of this.#upTo(entry)) this.#finish(one, 'done');
      } else {
        this.#settleInTime(entry);
      }
    }, SETTLE);
  }

  #finish(entry: Entry, status: 'done' | 'refused'): void {
    this.#mark(entry, status);
    this.#set(this.#entries.filter((one) => one !== entry));
    this.#draw(entry.type);
    this.#leave();
    const { storage } = this.#options;
    // The stored copy must have it before the stored write goes.
    const shelves = [...this.#shelves].filter(({ table }) => table.plan.type === entry.type);
    if (storage) void Promise.all(shelves.map((shelf) => shelf.stored())).then(() => storage.removeWrite(entry.id));
  }

  #concerns(entry: Entry, shelf: Shelf): boolean {
    const { table } = shelf;
    if (entry.type !== table.plan.type || entry.settled.has(shelf)) return false;
    return entry.saved.origin === shelf.name || table.told(entry.keyText) !== undefined;
  }

  /** The row is in the copy as the server answered: no commit will tell of it, or one that shows no other. */
  #changesNothing(entry: Entry, shelf: Shelf): boolean {
    const told = shelf.table.told(entry.keyText);
    const answer = answered(entry, shelf);
    if (!told || !answer || !isEqual(told, answer)) return false;
    const first = this.#entries.find((one) => one.type === entry.type && one.keyText === entry.keyText);
    return first === entry;
  }

  #draw(type: string): void {
    const shelves = [...this.#shelves].filter(({ table }) => table.plan.type === type);
    for (const shelf of shelves) this.#drawOn(shelf);
    for (const { table } of shelves) table.notify();
  }

  #drawOn(shelf: Shelf): void {
    const drafts = this.#entries.filter((entry) => this.#concerns(entry, shelf));
    shelf.table.draw(drafts.map((entry) => draft(entry, shelf)));
  }

  async #save(entry: Entry): Promise<void> {
    await this.#options.storage?.saveWrite(entry.saved);
  }

  #mark(entry: Entry, status: WriteStatus): void {
    entry.status = status;
    this.#set(this.#entries);
  }

  #set(entries: readonly Entry[]): void {
    this.#entries = entries;
    this.#unfinished = entries.map(snapshot);
    this.#listeners.tell();
  }
}

/** What to ask for of a row that was written: what the table shows, and its key. */
function asked({ columns, key }: TablePlan): SavedWrite['columns'] {
  const selected = new Set(columns.values());
  const others = key.filter((column) => !selected.has(column)).map((column) => [`key_${column}`, column] as const);
  return [...columns, ...others];
}
