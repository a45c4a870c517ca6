// The client on a real server that is killed, and over a real network that is cut in the middle of a commit.
import { expect, inject, onTestFinished, test } from 'vitest';
import type { Client as Database } from 'pg';
import { anyPerson, createProject, createTask, database, open, TASKS, type TaskRow } from './board.js';
import { Proxy } from './proxy.js';
import { Server } from './server.js';

/** What the database says of the rows that a copy holds. */
async function truth(other: Database, project: string): Promise<TaskRow[]> {
  const sql = 'SELECT id, title, upper(status::text) AS status, priority FROM task WHERE project_id = $1 ORDER BY id';
  return (await other.query<TaskRow>(sql, [project])).rows;
}

function sorted(rows: readonly TaskRow[]): TaskRow[] {
  return [...rows].sort((a, b) => (a.id < b.id ? -1 : 1));
}

test('the server is killed and comes back: the copy goes on, and what was written meanwhile is made', async () => {
  const server = await Server.start();
  onTestFinished(() => server.stop());
  const before = await database(await server.databaseUrl());
  const project = await createProject(before);
  const ids = [await createTask(before, project, 'One'), await createTask(before, project, 'Two')] as const;
  const client = open({ url: `${server.base}/graphql` });
  const tasks = client.copy(TASKS, { project });
  await tasks.ready;
  before.on('error', () => undefined);

  await server.kill();
  await expect.poll(() => tasks.state.status).toBe('offline');
  const write = tasks.patch(ids[0], { title: 'Written offline' });
  expect(tasks.get(ids[0])?.title).toBe('Written offline');
  expect(tasks.size, 'the old copy stays in sight').toBe(2);

  await server.start();
  expect(await write.done).toMatchObject({ title: 'Written offline' });
  const after = await database(await server.databaseUrl());
  await after.query(`UPDATE task SET title = 'Written by another' WHERE id = $1`, [ids[1]]);
  await expect.poll(() => tasks.get(ids[1])?.title).toBe('Written by another');
  await expect.poll(() => client.writes).toEqual([]);
  expect(tasks.state).toMatchObject({ status: 'live', reset: 'START', gaps: { noticed: 0, healed: 0 } });
  expect(sorted(tasks.rows)).toEqual(await truth(after, project));
}, 120_000);

test('cut in the middle of commits: each is seen whole or not at all, and none twice', async () => {
  const ROWS = 3_000;
  const ROUNDS = 6;
  const other = await database();
  const project = await createProject(other);
  await other.query(
    `INSERT INTO task (project_id, author_id, title)
     SELECT $1, (SELECT id FROM person ORDER BY id LIMIT 1), '0' FROM generate_series(1, ${ROWS})`,
    [project],
  );
  const proxy = await Proxy.start(inject('base'));
  onTestFinished(() => proxy.stop());
  const tasks = open({ url: `${proxy.base}/graphql` }).copy(TASKS, { project });
  await tasks.ready;

  const seen: string[] = [];
  tasks.subscribe(() => {
    const titles = new Set(tasks.rows.map(({ title }) => title));
    seen.push(titles.size === 1 ? [...titles].join() : 'half a commit');
  });
  for (let round = 1; round <= ROUNDS; round += 1) {
    // A commit of this size is about 500 kB in several messages.
    proxy.cutAfter(1 + Math.floor(Math.random() * 400_000));
    await other.query('UPDATE task SET title = $2 WHERE project_id = $1', [project, String(round)]);
    await expect.poll(() => seen.at(-1)).toBe(String(round));
  }
  expect(proxy.cuts).toBe(ROUNDS);
  expect(seen).toEqual(Array.from({ length: ROUNDS }, (_, index) => String(index + 1)));
  expect(tasks.state).toMatchObject({ reset: 'START', gaps: { noticed: 0, healed: 0 } });
  expect(sorted(tasks.rows)).toEqual(await truth(other, project));
});

test('two clients write over networks that are cut: in the end both hold what the database holds', async () => {
  const WRITES = 40;
  const other = await database();
  const project = await createProject(other);
  const shared: string[] = [];
  for (const title of ['a', 'b', 'c']) shared.push(await createTask(other, project, title));
  const proxies = await Promise.all([Proxy.start(inject('base')), Proxy.start(inject('base'))]);
  onTestFinished(() => proxies.forEach((proxy) => proxy.stop()));
  const refused: string[] = [];
  const clients = proxies.map((proxy) =>
    open({ url: `${proxy.base}/graphql`, onRefused: ({ error }) => refused.push(String(error)) }),
  );
  const copies = clients.map((client) => client.copy(TASKS, { project }));
  await Promise.all(copies.map((copy) => copy.ready));
  const authorId = await anyPerson(other);

  const made = copies.flatMap((copy, index) => {
    const own = copy.create({ projectId: project, authorId, title: `Of ${index}` });
    const patches = Array.from({ length: WRITES }, (_, number) =>
      copy.patch(shared[number % 3] ?? '', { title: `${index} wrote ${number}`, priority: number % 5 }),
    );
    return [own, ...patches];
  });
  const isDone = (): boolean => clients.every(({ writes }) => writes.length === 0);
  for (let round = 0; round < 8 && !isDone(); round += 1) {
    const before = proxies.map(({ cuts }) => cuts);
    for (const proxy of proxies) proxy.cutAfter(1 + Math.floor(Math.random() * 2_000));
    await expect.poll(() => isDone() || proxies.every(({ cuts }, index) => cuts > (before[index] ?? 0))).toBe(true);
  }
  await Promise.all(made.map(({ done }) => done));
  for (const client of clients) await expect.poll(() => client.writes).toEqual([]);
  expect(refused).toEqual([]);
  const rows = await truth(other, project);
  expect(rows.length, 'a create that was repeated made no second row').toBe(5);
  for (const copy of copies) await expect.poll(() => sorted(copy.rows)).toEqual(rows);
  expect(proxies.every(({ cuts }) => cuts > 0)).toBe(true);
  expect(copies.map(({ state }) => state.gaps.healed - state.gaps.noticed)).toEqual([0, 0]);
});

test('a copy that is cut begins again', async () => {
  const other = await database();
  const project = await createProject(other);
  await other.query(
    `INSERT INTO task (project_id, author_id, title)
     SELECT $1, (SELECT id FROM person ORDER BY id LIMIT 1), 'Copied' FROM generate_series(1, 3000)`,
    [project],
  );
  const proxy = await Proxy.start(inject('base'));
  onTestFinished(() => proxy.stop());
  proxy.cutAfter(200_000);
  const tasks = open({ url: `${proxy.base}/graphql` }).copy(TASKS, { project });
  await tasks.ready;
  expect(proxy.cuts).toBe(1);
  expect(sorted(tasks.rows)).toEqual(await truth(other, project));
});
