// What is one own write, on its way to the server and back? What users see of it, what is stored of it, and what tables show.
import type { EverwireError } from './error.js';
import { randomId } from './random.js';
import type { SavedWrite } from './saved.js';
import { keyText, type Draft, type Key, type Row, type TableRows } from './table.js';

export type WriteStatus = 'waiting' | 'sent' | 'answered' | 'done' | 'refused';

/** An own write on its way. */
export interface Write {
  readonly id: string;
  readonly op: 'create' | 'put' | 'patch' | 'delete';
  /** The GraphQL type of the row. */
  readonly type: string;
  readonly key: Key;
  readonly values: Row;
  readonly status: WriteStatus;
  /** Why it was refused. */
  readonly error: EverwireError | null;
  /** Fulfilled with the server's row when it took effect (null for a delete); rejected if it was refused. */
  readonly done: Promise<Row | null>;
}

/** A table as far as writes concern it. */
export interface Shelf {
  /** The same after a reload. */
  readonly name: string;
  readonly table: TableRows;
  /** When it was last known to be the present, in milliseconds as of `Date.now()`; null if it is not just now. */
  liveAt(): number | null;
  /** Whether the commit of this transaction was applied. */
  hasSeen(transaction: string): boolean;
  /** Settles when all that is applied by now is stored. */
  stored(): Promise<void>;
}

export class Entry implements Write {
  saved: SavedWrite;
  status: WriteStatus = 'waiting';
  error: EverwireError | null = null;
  answer: Row | undefined;
  answeredAt = 0;
  /** Tables that have the server's word of it. */
  readonly settled = new Set<Shelf>();
  readonly done: Promise<Row | null>;
  fulfil!: (row: Row | null) => void;
  refuse!: (error: EverwireError) => void;

  constructor(saved: SavedWrite) {
    this.saved = saved;
    if (saved.transaction !== null) this.status = 'answered';
    this.done = new Promise((fulfil, refuse) => {
      this.fulfil = fulfil;
      this.refuse = refuse;
    });
    // Whoever does not ask is told by `refused`.
    this.done.catch(() => undefined);
  }

  get id(): string {
    return this.saved.id;
  }
  get op(): Write['op'] {
    return this.saved.op;
  }
  get type(): string {
    return this.saved.type;
  }
  get key(): Key {
    return this.saved.key;
  }
  get values(): Row {
    return this.saved.values;
  }
  get keyText(): string {
    return keyText(this.saved.keyColumns.map((column) => this.saved.key[column]));
  }
}

/** As it is now: what is compared by reference must not change. */
export function snapshot({ id, op, type, key, values, status, error, done }: Entry): Write {
  return { id, op, type, key, values, status, error, done };
}

export function draft(entry: Entry, shelf: Shelf): Draft {
  const isNew = entry.op === 'create' || entry.op === 'put';
  return {
    op: entry.op,
    key: entry.keyText,
    values: isNew ? { ...entry.key, ...entry.saved.show, ...entry.values } : { ...entry.saved.show, ...entry.values },
    answer: answered(entry, shelf),
  };
}

/** The row as the server answered, on the table that asked for it. */
export function answered({ saved, answer }: Entry, shelf: Shelf): Row | undefined {
  if (!answer || saved.origin !== shelf.name) return undefined;
  return Object.fromEntries([...shelf.table.plan.columns.keys()].map((name) => [name, answer[name]]));
}

/** Stands in a row until the server has made its key. */
export function temporaryKey(columns: readonly string[]): Key {
  return Object.fromEntries(columns.map((column) => [column, `temporary:${randomId()}`]));
}
