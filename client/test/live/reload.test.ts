// What outlives a page: the copy, with its position, and the writes that wait.
import 'fake-indexeddb/auto';
import { openDB } from 'idb';
import { expect, onTestFinished, test } from 'vitest';
import { indexedDb } from '../../src/storage.js';
import { createProject, createTask, database, open, TASKS, value } from './board.js';

let visits = 0;
function freshName(): string {
  visits += 1;
  return `test ${visits}`;
}

/** What lies in the database. */
async function stored(name: string): Promise<{ position: string | undefined; writes: number }> {
  const opened = await openDB(name);
  const copies = (await opened.getAll('copies')) as { position: string }[];
  const writes = await opened.count('writes');
  opened.close();
  return { position: copies[0]?.position, writes };
}

test('a reload shows the old copy at once, goes on from there and sends what waited', async () => {
  const other = await database();
  const project = await createProject(other);
  const [kept, gone] = [await createTask(other, project, 'Kept'), await createTask(other, project, 'Gone')];
  const name = freshName();
  const first = open({ storage: indexedDb({ name }) });
  const before = first.copy(TASKS, { project });
  await before.ready;
  await other.query(`UPDATE task SET title = 'Kept on' WHERE id = $1`, [kept]);
  await expect.poll(() => before.get(kept)?.title).toBe('Kept on');
  first.pause();
  before.patch(kept, { priority: 5 });
  const created = before.create({
    projectId: project,
    authorId: await value(other, 'SELECT id FROM person LIMIT 1'),
    title: 'Made offline',
  });
  await expect.poll(() => stored(name)).toEqual({ position: before.state.position, writes: 2 });
  first.close();
  await other.query('DELETE FROM task WHERE id = $1', [gone]);

  const second = open({ storage: indexedDb({ name }) });
  second.pause();
  const after = second.copy(TASKS, { project });
  await after.ready;
  await expect.poll(() => second.writes.length).toBe(2);
  expect(after.state).toMatchObject({ status: 'connecting', ready: true });
  expect(after.rows.map(({ title }) => title).sort()).toEqual(['Gone', 'Kept on', 'Made offline']);
  expect(after.get(kept)?.priority).toBe(5);

  second.resume();
  await expect.poll(() => second.writes).toEqual([]);
  expect(after.rows.map(({ title, priority }) => `${title} ${priority}`).sort()).toEqual([
    'Kept on 5',
    'Made offline 2',
  ]);
  expect(after.state.reset, 'no copy was needed').toBeNull();
  expect(await value(other, 'SELECT count(*) FROM task WHERE id = $1', [created.key['id']])).toBe('1');
});

test('two pages store the same copy, and neither takes the other back', async () => {
  const other = await database();
  const project = await createProject(other);
  const task = await createTask(other, project, '0');
  const name = freshName();
  const pages = [open({ storage: indexedDb({ name }) }), open({ storage: indexedDb({ name }) })] as const;
  const copies = pages.map((page) => page.copy(TASKS, { project }));
  await Promise.all(copies.map((copy) => copy.ready));
  for (let round = 1; round <= 20; round += 1) {
    await other.query('UPDATE task SET title = $2 WHERE id = $1', [task, String(round)]);
    if (round % 3 === 0) await createTask(other, project, `New ${round}`);
    if (round === 7) pages[0].drop();
    if (round === 12) pages[1].pause();
    if (round === 16) pages[1].resume();
  }
  for (const copy of copies) await expect.poll(() => copy.get(task)?.title).toBe('20');
  for (const copy of copies) await expect.poll(() => copy.size).toBe(7);
  const furthest = (): string | undefined =>
    copies
      .map(({ state }) => state.position ?? '')
      .sort()
      .at(-1);
  await expect.poll(async () => (await stored(name)).position === furthest()).toBe(true);
  for (const page of pages) page.close();

  const third = open({ storage: indexedDb({ name }) });
  third.pause();
  const found = third.copy(TASKS, { project });
  await found.ready;
  expect(found.size).toBe(7);
  expect(found.get(task)?.title).toBe('20');
});

test('a storage that cannot be opened is done without', async () => {
  const other = await database();
  const project = await createProject(other);
  await createTask(other, project, 'Seen');
  const real = indexedDB.open;
  indexedDB.open = () => {
    throw new DOMException('denied', 'SecurityError');
  };
  onTestFinished(() => {
    indexedDB.open = real;
  });
  const tasks = open({ storage: indexedDb({ name: freshName() }) }).copy(TASKS, { project });
  await tasks.ready;
  expect(tasks.size).toBe(1);
  const [task] = tasks.rows;
  await tasks.patch(task?.id ?? '', { title: 'Written' }).done;
});
