// Where do copies and waiting writes lie while no page is open? In IndexedDB, by `idb`. A copy is stored with the position
// that it is true of, both in one transaction, so that it can be gone on from whenever the page was closed.
import { openDB, type DBSchema, type IDBPDatabase, type IDBPTransaction } from 'idb';
import type { SavedCopy, SavedWrite, Saving, Storage } from './saved.js';
import type { Row } from './table.js';

export interface IndexedDbOptions {
  /** The database's name. Programs that serve several servers or people from one origin give each its own. */
  readonly name?: string | undefined;
}

interface Schema extends DBSchema {
  copies: { key: number; value: CopyRecord; indexes: { name: string } };
  rows: { key: [copy: number, table: number, place: string]; value: Row };
  writes: { key: string; value: SavedWrite };
  notes: { key: string; value: unknown };
}

interface CopyRecord {
  readonly id?: number;
  readonly name: string;
  readonly position: string;
  readonly tables: number;
  /** Copies that nobody came back for are removed. */
  readonly usedAt: number;
}

type Changing = IDBPTransaction<Schema, ('copies' | 'rows')[], 'readwrite'>;

const FORGOTTEN_AFTER = 30 * 24 * 60 * 60 * 1000;
/** Above every text. */
const LAST = '\uffff';

/** Copies and writes outlive the page in the browser's IndexedDB. */
export function indexedDb({ name = 'everwire' }: IndexedDbOptions = {}): Storage {
  return new IndexedDbStorage(name);
}

class IndexedDbStorage implements Storage {
  readonly #name: string;
  readonly #database: Promise<IDBPDatabase<Schema>>;
  /** Lets go of the locks that show that this page is there. */
  readonly #leave: (() => void)[] = [];

  constructor(name: string) {
    this.#name = name;
    this.#database = open(name);
    this.#database.catch(() => undefined);
  }

  async loadCopy(name: string): Promise<SavedCopy | undefined> {
    const transaction = (await this.#database).transaction(['copies', 'rows'], 'readwrite');
    const found = await transaction.objectStore('copies').index('name').get(name);
    if (found?.id === undefined) return undefined;
    await transaction.objectStore('copies').put({ ...found, usedAt: Date.now() });
    const tables = [];
    for (let table = 0; table < found.tables; table += 1) {
      const range = IDBKeyRange.bound([found.id, table, ''], [found.id, table, LAST]);
      const store = transaction.objectStore('rows');
      const [keys, rows] = await Promise.all([store.getAllKeys(range), store.getAll(range)]);
      tables.push(new Map(keys.map(([, , key], index) => [key, rows[index] as Row])));
    }
    await transaction.done;
    return { position: found.position, tables };
  }

  async saveCopy(name: string, saving: Saving): Promise<void> {
    const transaction = (await this.#database).transaction(['copies', 'rows'], 'readwrite');
    const found = await transaction.objectStore('copies').index('name').get(name);
    if (saving.from === null) await this.#replace(transaction, found, name, saving);
    else if (found?.id !== undefined && leadsOn(found.position, saving.from, saving.position)) {
      await this.#change(transaction, { ...found, id: found.id }, saving);
    }
    await transaction.done;
  }

  async adoptWrites(owner: string): Promise<readonly SavedWrite[]> {
    await this.#hold(owner);
    const database = await this.#database;
    const owners = new Set((await database.getAll('writes')).map((write) => write.owner));
    const gone = new Set<string>();
    for (const one of owners) if (one !== owner && (await this.#isGone(one))) gone.add(one);
    const transaction = database.transaction('writes', 'readwrite');
    const writes = (await transaction.store.getAll()).filter((write) => gone.has(write.owner));
    const adopted = writes.sort((a, b) => a.order - b.order).map((write) => ({ ...write, owner }));
    for (const write of adopted) await transaction.store.put(write);
    await transaction.done;
    return adopted;
  }

  async saveWrite(write: SavedWrite): Promise<void> {
    await (await this.#database).put('writes', write);
  }

  async removeWrite(id: string): Promise<void> {
    await (await this.#database).delete('writes', id);
  }

  async loadNote(name: string): Promise<unknown> {
    return (await this.#database).get('notes', name);
  }

  async saveNote(name: string, value: unknown): Promise<void> {
    await (await this.#database).put('notes', value, name);
  }

  close(): void {
    for (const leave of this.#leave) leave();
    void this.#database.then((database) => database.close()).catch(() => undefined);
  }

  async #replace(transaction: Changing, found: CopyRecord | undefined, name: string, saving: Saving): Promise<void> {
    const { id: old, ...record } = found ?? { name, usedAt: Date.now() };
    if (old !== undefined)
      await transaction.objectStore('rows').delete(IDBKeyRange.bound([old], [old + 1], false, true));
    const fresh = { ...record, position: saving.position, tables: saving.tables.length };
    const id = await transaction.objectStore('copies').put(old === undefined ? fresh : { ...fresh, id: old });
    await this.#write(transaction, id, saving);
  }

  async #change(transaction: Changing, found: CopyRecord & { id: number }, saving: Saving): Promise<void> {
    await transaction.objectStore('copies').put({ ...found, position: saving.position });
    await this.#write(transaction, found.id, saving);
  }

  async #write(transaction: Changing, id: number, { tables }: Saving): Promise<void> {
    const store = transaction.objectStore('rows');
    const requests = tables.flatMap((rows, table) =>
      [...rows].map(([key, row]): Promise<unknown> =>
        row ? store.put(row, [id, table, key]) : store.delete([id, table, key]),
      ),
    );
    await Promise.all(requests);
  }

  /** As long as this page is there, others see by this lock that its writes are its own. */
  #hold(owner: string): Promise<void> {
    const locks = globalThis.navigator?.locks as LockManager | undefined;
    if (!locks) return Promise.resolve();
    return new Promise((held) => {
      const left = new Promise<void>((leave) => this.#leave.push(leave));
      void locks.request(this.#lock(owner), () => {
        held();
        return left;
      });
    });
  }

  async #isGone(owner: string): Promise<boolean> {
    const locks = globalThis.navigator?.locks as LockManager | undefined;
    if (!locks) return true;
    return locks.request(this.#lock(owner), { ifAvailable: true }, (lock) => lock !== null);
  }

  #lock(owner: string): string {
    return `everwire ${this.#name} ${owner}`;
  }
}

/** Whether changes that lead from one position to another can be made where `stored` is held: another page may be ahead. */
function leadsOn(stored: string, from: string, to: string): boolean {
  const [history] = stored.split('.');
  return from.startsWith(`${history}.`) && to.startsWith(`${history}.`) && from <= stored && stored <= to;
}

async function open(name: string): Promise<IDBPDatabase<Schema>> {
  const database = await openDB<Schema>(name, 1, {
    upgrade: (fresh) => {
      fresh
        .createObjectStore('copies', { keyPath: 'id', autoIncrement: true })
        .createIndex('name', 'name', { unique: true });
      fresh.createObjectStore('rows');
      fresh.createObjectStore('writes', { keyPath: 'id' });
      fresh.createObjectStore('notes');
    },
  });
  await forget(database);
  return database;
}

async function forget(database: IDBPDatabase<Schema>): Promise<void> {
  const transaction = database.transaction(['copies', 'rows'], 'readwrite');
  for (const { id, usedAt } of await transaction.objectStore('copies').getAll()) {
    if (id === undefined || Date.now() - usedAt < FORGOTTEN_AFTER) continue;
    await transaction.objectStore('copies').delete(id);
    await transaction.objectStore('rows').delete(IDBKeyRange.bound([id], [id + 1], false, true));
  }
  await transaction.done;
}
