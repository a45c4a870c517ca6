// What outlives a page? The shape of what is stored, and what a storage must be able to do; `everwire/storage` is one.
import type { Row } from './table.js';

/** A copy as of a position. */
export interface SavedCopy {
  readonly position: string;
  /** For each table its rows by key, in their order. */
  readonly tables: readonly ReadonlyMap<string, Row>[];
}

/** What became of a copy since it was last saved. */
export interface Saving {
  /** The position that the changes lead on from; null: they are a whole copy. */
  readonly from: string | null;
  readonly position: string;
  /** For each table its changed rows; undefined: the row is gone. */
  readonly tables: readonly ReadonlyMap<string, Row | undefined>[];
}

/** A write that the server has not confirmed, or that the stored copy does not have yet. */
export interface SavedWrite {
  readonly id: string;
  /** The client that makes it. */
  readonly owner: string;
  /** Writes of one owner are made in this order. */
  readonly order: number;
  readonly op: 'create' | 'put' | 'patch' | 'delete';
  readonly type: string;
  readonly argument: string;
  /** The table that it was made on. */
  readonly origin: string;
  readonly key: Row;
  /** The key's columns, in their order. */
  readonly keyColumns: readonly string[];
  /** False: the server makes the key. */
  readonly keyIsKnown: boolean;
  /** What is asked for of the row: names and columns. */
  readonly columns: readonly (readonly [string, string])[];
  /** What is written, by column. */
  readonly values: Row;
  /** What is shown beside it until the server's row is there, by column. */
  readonly show: Row;
  /** How often it was sent. */
  readonly attempts: number;
  /** The transaction that did it, once the server has answered. */
  readonly transaction: string | null;
}

export interface Storage {
  loadCopy(name: string): Promise<SavedCopy | undefined>;
  saveCopy(name: string, saving: Saving): Promise<void>;
  /** The writes of owners that are no more; from now on they are the given owner's. */
  adoptWrites(owner: string): Promise<readonly SavedWrite[]>;
  saveWrite(write: SavedWrite): Promise<void>;
  removeWrite(id: string): Promise<void>;
  loadNote(name: string): Promise<unknown>;
  saveNote(name: string, value: unknown): Promise<void>;
  close(): void;
}

/** The same storage, or none where it fails (a browser may refuse it, or be full): what is missing is fetched anew. */
export function forgiving(storage: Storage): Storage {
  const or = async <Result>(fallback: Result, act: () => Promise<Result>): Promise<Result> => {
    try {
      return await act();
    } catch {
      return fallback;
    }
  };
  return {
    loadCopy: (name) => or(undefined, () => storage.loadCopy(name)),
    saveCopy: (name, saving) => or(undefined, () => storage.saveCopy(name, saving)),
    adoptWrites: (owner) => or([], () => storage.adoptWrites(owner)),
    saveWrite: (write) => or(undefined, () => storage.saveWrite(write)),
    removeWrite: (id) => or(undefined, () => storage.removeWrite(id)),
    loadNote: (name) => or(undefined, () => storage.loadNote(name)),
    saveNote: (name, value) => or(undefined, () => storage.saveNote(name, value)),
    close: () => storage.close(),
  };
}
