// Which rows are there? Holds the rows of one table as the server told them (the truth), and over them what own writes
// make of them until the server has told those too (the drafts). A row that did not change stays the same object, so
// that whoever compares by reference sees what changed. Knows nothing of connections.
import type { TablePlan } from './document.js';
import { Listeners } from './listeners.js';

export type Row = Readonly<Record<string, unknown>>;
export type Key = Readonly<Record<string, unknown>>;

/** One change, as it stands in a message. */
interface Change {
  readonly op: 'PUT' | 'PATCH' | 'DELETE';
  readonly key: Key;
  readonly changed?: readonly string[];
  readonly patch?: Row;
  readonly [row: string]: unknown;
}

/** What a commit makes of a table's rows, by key; undefined: the row is gone. */
export interface Delta {
  readonly fresh: boolean;
  readonly rows: ReadonlyMap<string, Row | undefined>;
}

/** An own write, as far as a table shows it. */
export interface Draft {
  readonly op: 'create' | 'put' | 'patch' | 'delete';
  readonly key: string;
  /** By column. */
  readonly values: Row;
  /** The row that the server answered with, if this table has asked for it. */
  readonly answer: Row | undefined;
}

interface Index {
  readonly buckets: Map<unknown, Map<string, Row>>;
  /** What was handed out, as long as it is true. */
  readonly lists: Map<unknown, readonly Row[]>;
}

const NONE: readonly Row[] = [];

export class TableRows {
  readonly plan: TablePlan;
  /** The names that a column has in a row. */
  readonly #names = new Map<string, string[]>();
  #truth = new Map<string, Row>();
  #drafts: readonly Draft[] = [];
  /** The rows of which drafts make something else; undefined: not in sight. */
  #shown = new Map<string, Row | undefined>();
  #indexes = new Map<string, Index>();
  #rows: readonly Row[] | undefined;
  #isDirty = false;
  readonly #listeners = new Listeners();

  constructor(plan: TablePlan) {
    this.plan = plan;
    for (const [name, column] of plan.columns) this.#names.set(column, [...(this.#names.get(column) ?? []), name]);
  }

  /** All rows in sight: those of the copy in its order, then those that only drafts know. The same array as long as nothing changes. */
  get rows(): readonly Row[] {
    this.#rows ??= [...this.#visible()];
    return this.#rows;
  }

  get(key: string): Row | undefined {
    return this.#shown.has(key) ? this.#shown.get(key) : this.#truth.get(key);
  }

  /** As the server told it, without own writes on the way. */
  told(key: string): Row | undefined {
    return this.#truth.get(key);
  }

  /** All rows as the server told them. */
  get truth(): ReadonlyMap<string, Row> {
    return this.#truth;
  }

  /** The rows with this value in a column. The first question on a column makes an index, which is kept. */
  by(column: string, value: unknown): readonly Row[] {
    const index = this.#indexes.get(column) ?? this.#createIndex(column);
    const known = index.lists.get(value);
    if (known) return known;
    const bucket = index.buckets.get(value);
    if (!bucket) return NONE;
    const list = [...bucket.values()];
    index.lists.set(value, list);
    return list;
  }

  subscribe(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  /** The text that tells keys apart. */
  keyText(key: Key): string {
    return keyText(this.plan.key.map((column) => key[column]));
  }

  /** What a commit's parts make of the rows. Changes nothing yet. Undefined: a change does not fit the copy. */
  prepare(parts: readonly (readonly unknown[])[], fresh: boolean): Delta | undefined {
    const rows = new Map<string, Row | undefined>();
    for (const change of parts.flat() as Change[]) {
      const key = this.keyText(change.key);
      if (change.op === 'PATCH') {
        const old = rows.has(key) ? rows.get(key) : fresh ? undefined : this.#truth.get(key);
        if (!old) return undefined;
        rows.set(key, this.#patched(old, change));
      } else {
        // A row that comes back stands where a new one would.
        rows.set(key, change.op === 'PUT' ? (change[this.plan.row] as Row) : undefined);
      }
    }
    return { fresh, rows };
  }

  apply({ fresh, rows }: Delta): void {
    const old = this.#truth;
    if (fresh) this.#truth = new Map();
    for (const [key, row] of rows) {
      const before = old.get(key);
      const after = row && before && isEqual(before, row) ? before : row;
      if (after) this.#truth.set(key, after);
      else this.#truth.delete(key);
      if (before !== after) this.#changed(key, before, after);
    }
    if (fresh) for (const [key, before] of old) if (!this.#truth.has(key)) this.#changed(key, before, undefined);
    // The order of the rows may be another.
    if (fresh) this.#touch();
    if (this.#drafts.length === 0) return;
    for (const key of new Set(this.#drafts.map((draft) => draft.key))) if (fresh || rows.has(key)) this.#redraw(key);
  }

  /** Shows these own writes, in their order, and no others. */
  draw(drafts: readonly Draft[]): void {
    const keys = new Set([...this.#drafts, ...drafts].map((draft) => draft.key));
    this.#drafts = drafts;
    for (const key of keys) this.#redraw(key);
  }

  /** Tells listeners, if there is something to tell. */
  notify(): void {
    if (!this.#isDirty) return;
    this.#isDirty = false;
    this.#listeners.tell();
  }

  /** The values of a write, by the names that they have in a row. */
  named(values: Row): Row {
    const entries = [...this.plan.columns].filter(([, column]) => column in values);
    return Object.fromEntries(entries.map(([name, column]) => [name, values[column]]));
  }

  #patched(old: Row, { changed = [], patch = {} }: Change): Row {
    const row: Record<string, unknown> = { ...old };
    for (const column of changed) for (const name of this.#names.get(column) ?? []) row[name] = patch[name];
    return row;
  }

  *#visible(): Iterable<Row> {
    for (const [key, told] of this.#truth) {
      const row = this.#shown.has(key) ? this.#shown.get(key) : told;
      if (row) yield row;
    }
    for (const [key, row] of this.#shown) if (row && !this.#truth.has(key)) yield row;
  }

  /** The truth of a row changed; what is in sight too, unless a draft covers it. */
  #changed(key: string, before: Row | undefined, after: Row | undefined): void {
    if (!this.#shown.has(key)) this.#move(key, before, after);
  }

  #redraw(key: string): void {
    const before = this.get(key);
    const drafts = this.#drafts.filter((draft) => draft.key === key);
    const told = this.#truth.get(key);
    let after = told;
    for (const draft of drafts) after = this.#drawn(draft, after);
    if (before && after && isEqual(before, after)) after = before;
    if (drafts.length > 0) {
      this.#shown.set(key, after);
    } else {
      this.#shown.delete(key);
      // What was expected came true: the row stays the object that is in sight.
      if (after) this.#truth.set(key, after);
    }
    if (before !== after) this.#move(key, before, after);
  }

  #drawn(draft: Draft, row: Row | undefined): Row | undefined {
    switch (draft.op) {
      case 'delete':
        return undefined;
      case 'patch':
        if (!row) return undefined;
        return draft.answer ?? { ...row, ...this.named(draft.values) };
      case 'create':
      case 'put':
        return draft.answer ?? { ...this.#blank(), ...this.named(draft.values) };
    }
  }

  #blank(): Row {
    return Object.fromEntries([...this.plan.columns.keys()].map((name) => [name, null]));
  }

  #move(key: string, before: Row | undefined, after: Row | undefined): void {
    this.#touch();
    for (const [column, index] of this.#indexes) {
      // A row that stays in its bucket stays in its place.
      if (before && before[column] !== after?.[column]) take(index, before[column], key);
      if (after) put(index, after[column], key, after);
    }
  }

  #touch(): void {
    this.#rows = undefined;
    this.#isDirty = true;
  }

  #createIndex(column: string): Index {
    const index: Index = { buckets: new Map(), lists: new Map() };
    for (const [key, told] of this.#truth) {
      const row = this.#shown.has(key) ? this.#shown.get(key) : told;
      if (row) put(index, row[column], key, row);
    }
    for (const [key, row] of this.#shown) if (row && !this.#truth.has(key)) put(index, row[column], key, row);
    this.#indexes.set(column, index);
    return index;
  }
}

/** One text for the values of a key; two keys never have the same. */
export function keyText(values: readonly unknown[]): string {
  return values.length === 1 ? String(values[0]) : JSON.stringify(values);
}

function put(index: Index, value: unknown, key: string, row: Row): void {
  const bucket = index.buckets.get(value);
  if (bucket) bucket.set(key, row);
  else index.buckets.set(value, new Map([[key, row]]));
  index.lists.delete(value);
}

function take(index: Index, value: unknown, key: string): void {
  const bucket = index.buckets.get(value);
  bucket?.delete(key);
  if (bucket?.size === 0) index.buckets.delete(value);
  index.lists.delete(value);
}

/** Rows are flat but for JSON and arrays. */
export function isEqual(a: Row, b: Row): boolean {
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  return names.every((name) => a[name] === b[name] || isEqualJson(a[name], b[name]));
}

function isEqualJson(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  return JSON.stringify(a) === JSON.stringify(b);
}
