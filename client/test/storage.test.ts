// What is stored, by itself: of which position it is, whose a waiting write is, and what is forgotten.
import 'fake-indexeddb/auto';
import { afterEach, expect, test, vi } from 'vitest';
import type { SavedWrite } from '../src/saved.js';
import { indexedDb } from '../src/storage.js';

let names = 0;
const freshName = (): string => `test ${(names += 1)}`;

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

function at(lsn: number, epoch = 1): string {
  return `0000000${epoch}.000000000000000${lsn}.00000000`;
}

function rows(...all: [string, string | undefined][]): ReadonlyMap<string, { text: string } | undefined>[] {
  return [new Map(all.map(([key, text]) => [key, text === undefined ? undefined : { text }]))];
}

async function stored(storage: ReturnType<typeof indexedDb>): Promise<unknown> {
  const copy = await storage.loadCopy('items');
  return copy && [copy.position, ...[...(copy.tables[0] ?? [])].map(([key, row]) => `${key} ${String(row['text'])}`)];
}

test('changes are stored with the position that they lead to, and only where they fit', async () => {
  const storage = indexedDb({ name: freshName() });
  expect(await stored(storage)).toBeUndefined();
  await storage.saveCopy('items', { from: at(1), position: at(2), tables: rows(['a', 'stray']) });
  expect(await stored(storage), 'changes of nothing').toBeUndefined();
  await storage.saveCopy('items', { from: null, position: at(1), tables: rows(['a', '1'], ['b', '1']) });
  await storage.saveCopy('items', {
    from: at(1),
    position: at(3),
    tables: rows(['a', '3'], ['b', undefined], ['c', '3']),
  });
  expect(await stored(storage)).toEqual([at(3), 'a 3', 'c 3']);
  await storage.saveCopy('items', { from: at(1), position: at(2), tables: rows(['a', '2']) });
  expect(await stored(storage), 'from a page that is behind').toEqual([at(3), 'a 3', 'c 3']);
  await storage.saveCopy('items', { from: at(4), position: at(5), tables: rows(['a', '5']) });
  expect(await stored(storage), 'with a gap before them').toEqual([at(3), 'a 3', 'c 3']);
  await storage.saveCopy('items', { from: at(3, 2), position: at(4, 2), tables: rows(['a', '4']) });
  expect(await stored(storage), 'of another history').toEqual([at(3), 'a 3', 'c 3']);
  await storage.saveCopy('items', { from: null, position: at(1, 2), tables: rows(['d', '1']) });
  expect(await stored(storage), 'a new copy').toEqual([at(1, 2), 'd 1']);
});

function write(owner: string, order: number): SavedWrite {
  return {
    id: `${owner} ${order}`,
    owner,
    order,
    op: 'patch',
    type: 'Item',
    argument: 'item',
    origin: 'items',
    key: { id: 'a' },
    keyColumns: ['id'],
    keyIsKnown: true,
    columns: [['id', 'id']],
    values: { text: '1' },
    show: {},
    attempts: 0,
    transaction: null,
  };
}

/** As a browser has it, as far as it is used. */
function locks(): object {
  const held = new Set<string>();
  const request = async (name: string, ...given: unknown[]): Promise<unknown> => {
    const act = given.at(-1) as (lock: object | null) => unknown;
    if (given.length > 1 && held.has(name)) return act(null);
    held.add(name);
    try {
      return await act({ name });
    } finally {
      held.delete(name);
    }
  };
  return { locks: { request } };
}

test('writes that wait are taken over from pages that are gone, in their order, and from no other', async () => {
  vi.stubGlobal('navigator', locks());
  const name = freshName();
  const [first, second] = [indexedDb({ name }), indexedDb({ name })];
  expect(await first.adoptWrites('one')).toEqual([]);
  expect(await second.adoptWrites('two')).toEqual([]);
  for (const order of [2, 1]) await first.saveWrite(write('one', order));
  await second.saveWrite(write('two', 1));
  const third = indexedDb({ name });
  expect(await third.adoptWrites('three'), 'both are there').toEqual([]);
  first.close();
  await new Promise((resolve) => setTimeout(resolve, 10));
  const fourth = indexedDb({ name });
  expect((await fourth.adoptWrites('four')).map(({ id, owner }) => `${id} is of ${owner}`)).toEqual([
    'one 1 is of four',
    'one 2 is of four',
  ]);
  const fifth = indexedDb({ name });
  expect(await fifth.adoptWrites('five'), 'they have an owner now').toEqual([]);
});

test('a copy that nobody came back for is forgotten', async () => {
  const name = freshName();
  const first = indexedDb({ name });
  await first.saveCopy('items', { from: null, position: at(1), tables: rows(['a', '1']) });
  first.close();
  const month = 31 * 24 * 60 * 60 * 1000;
  const now = Date.now();
  vi.spyOn(Date, 'now').mockImplementation(() => now + month);
  expect(await stored(indexedDb({ name }))).toBeUndefined();
  vi.restoreAllMocks();
});
