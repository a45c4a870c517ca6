// How does a user hold a table? The typed face of one: its rows, and writes on them.
import type { KeyArgument, TableTypes } from './types.js';
import type { Key, Row } from './table.js';
import type { Shelf, Write } from './write.js';
import type { Writes } from './writes.js';

export class Table<Types extends TableTypes = TableTypes> {
  /** For the type checker alone, which finds the types of a table by it where it is a part of a larger type. */
  declare readonly '~types'?: Types;
  readonly #shelf: Shelf;
  readonly #writes: Writes;

  constructor(shelf: Shelf, writes: Writes) {
    this.#shelf = shelf;
    this.#writes = writes;
  }

  /** All rows; the same array as long as nothing changes. */
  get rows(): readonly Types['row'][] {
    return this.#shelf.table.rows;
  }

  get size(): number {
    return this.rows.length;
  }

  /** The row with this key, own writes included; the same object as long as it does not change. */
  get(key: KeyArgument<Types['key']>): Types['row'] | undefined {
    return this.#shelf.table.get(this.#shelf.table.keyText(this.#key(key)));
  }

  /** The rows with this value in a column, by an index; the same array as long as it does not change. */
  by<Column extends keyof Types['row'] & string>(column: Column, value: Types['row'][Column]): readonly Types['row'][] {
    return this.#shelf.table.by(column, value);
  }

  /** Calls the listener after each change of rows, once per commit or own write. */
  subscribe(listener: () => void): () => void {
    return this.#shelf.table.subscribe(listener);
  }

  /** The own writes on a row that are not done. */
  pending(key: KeyArgument<Types['key']>): readonly Write[] {
    const { table } = this.#shelf;
    const wanted = table.keyText(this.#key(key));
    return this.#writes.unfinished.filter(
      (write) => write.type === table.plan.type && table.keyText(write.key) === wanted,
    );
  }

  /**
   * Adds a row. Where its key is a UUID and not given, the client makes one; any other key that is not given is made by the
   * server. `show` is what to show of other columns until the server's row is there: they are null otherwise.
   */
  create(values: Types['create'], show: Partial<Types['row']> = {}): Write {
    const given = values as Row;
    const columns = this.#shelf.table.plan.key;
    const key = columns.every((column) => given[column] !== undefined && given[column] !== null)
      ? this.#pick(given)
      : undefined;
    return this.#writes.write(this.#shelf, 'create', key, given, this.#shown(show));
  }

  /** Adds the row, or replaces the whole of the one with its key. */
  put(values: Types['put'], show: Partial<Types['row']> = {}): Write {
    return this.#writes.write(this.#shelf, 'put', this.#pick(values as Row), values as Row, this.#shown(show));
  }

  /** Changes the parts given; null clears one. */
  patch(key: KeyArgument<Types['key']>, values: Types['patch'], show: Partial<Types['row']> = {}): Write {
    return this.#writes.write(this.#shelf, 'patch', this.#key(key), values as Row, this.#shown(show));
  }

  /** Removes the row. */
  delete(key: KeyArgument<Types['key']>): Write {
    return this.#writes.write(this.#shelf, 'delete', this.#key(key), {});
  }

  #key(key: KeyArgument<Types['key']>): Key {
    if (typeof key === 'object' && key !== null) return this.#pick(key as Row);
    const [only = 'id'] = this.#shelf.table.plan.key;
    return { [only]: key };
  }

  #pick(values: Row): Key {
    return Object.fromEntries(this.#shelf.table.plan.key.map((column) => [column, values[column]]));
  }

  /** By column, as writes have it. */
  #shown(show: object): Row {
    const { columns } = this.#shelf.table.plan;
    return Object.fromEntries(Object.entries(show).map(([name, value]) => [columns.get(name) ?? name, value]));
  }
}
