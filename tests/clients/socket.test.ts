// Everwire as `graphql-ws`, the reference client of graphql-transport-ws, sees it, while `pg` writes.
import type { Client as Database } from 'pg';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { connect, createProject, createTask, text } from './board';
import { follow, isIdle, next, open, type Changes, type Numbers, type Stream } from './socket';

test('a query and a mutation are answered', async () => {
  const database = await connect();
  const id = await createTask(database, await createProject(database), { title: 'Send by socket' });
  const client = open();

  const query = 'query ($id: UUID!) { task(id: $id) { title status } }';
  const read = client.iterate({ query, variables: { id } });
  expect(await next(read)).toEqual({ task: { title: 'Send by socket', status: 'DOING' } });
  expect(await read.next()).toMatchObject({ done: true });

  const mutation = 'mutation ($id: UUID!) { patchTask(id: $id, patch: { status: DONE }) { status } }';
  const write = client.iterate({ query: mutation, variables: { id } });
  expect(await next(write)).toEqual({ patchTask: { status: 'DONE' } });
  const { rows } = await database.query('SELECT status FROM task WHERE id = $1', [id]);
  expect(rows).toEqual([{ status: 'done' }]);
});

/** Reads a stream as a client that takes the promise at its word: every message joins the one before it. */
class Reader {
  position = '';
  #joined = false;

  constructor(private readonly stream: Stream<{ tasks: Changes }>) {}

  /** The next message that says more than the position. */
  async read(): Promise<Changes> {
    for (;;) {
      const { tasks } = await next(this.stream);
      this.#follow(tasks);
      if (!isIdle(tasks)) return tasks;
    }
  }

  #follow(message: Changes): void {
    if (message.reset === null) {
      expect(message.sequence > this.position, 'the position rises').toBe(true);
      // The first message after a copy was perhaps preceded by one that the copy contains.
      if (this.#joined) expect(message.previous).toBe(this.position);
      else expect(message.previous !== null && message.previous <= this.position).toBe(true);
      this.#joined = true;
    }
    this.position = message.sequence;
  }
}

test('what another program writes arrives as PUT, PATCH and DELETE', async () => {
  const database = await connect();
  const project = await createProject(database);
  const first = await createTask(database, project, { title: 'First' });
  const reader = new Reader(follow(open(), { project }));

  expect(await reader.read()).toMatchObject({
    reset: 'START',
    previous: null,
    more: false,
    changes: [{ op: 'PUT', key: { id: first }, task: { id: first, title: 'First', status: 'DOING' } }],
  });

  const second = await createTask(database, project, { title: 'Second' });
  expect((await reader.read()).changes).toEqual([
    { op: 'PUT', key: { id: second }, task: { id: second, title: 'Second', status: 'DOING' } },
  ]);

  await database.query(`UPDATE task SET title = 'Changed' WHERE id = $1`, [first]);
  expect((await reader.read()).changes).toEqual([
    { op: 'PATCH', key: { id: first }, changed: ['title'], task: { id: first, title: 'Changed', status: 'DOING' } },
  ]);

  await database.query(`UPDATE task SET status = 'done' WHERE id = $1`, [first]);
  expect((await reader.read()).changes).toEqual([{ op: 'DELETE', key: { id: first } }]);

  await database.query('DELETE FROM task WHERE id = $1', [second]);
  expect((await reader.read()).changes).toEqual([{ op: 'DELETE', key: { id: second } }]);
});

test('the messages of a connection are numbered without a gap, over all its operations', async () => {
  const database = await connect();
  const [one, other] = [await createProject(database), await createProject(database)];
  const numbers: Numbers[] = [];
  const client = open({
    on: {
      message: (message) => {
        if (message.type === 'next') numbers.push(message.payload.extensions as unknown as Numbers);
      },
    },
  });
  const readers = [one, other].map((project) => new Reader(follow(client, { project })));
  await Promise.all(readers.map((reader) => reader.read()));
  for (const project of [one, other, other, one]) {
    await createTask(database, project, { title: 'Counted' });
    await readers[project === one ? 0 : 1]?.read();
  }
  await next(client.iterate({ query: '{ tasks(first: 1) { nodes { id } } }' }));

  expect(numbers.length).toBeGreaterThanOrEqual(7);
  expect(numbers.map((number) => number.messageId)).toEqual(numbers.map((_, index) => index + 1));
  expect(numbers.map((number) => number.lastMessageId)).toEqual(numbers.map((_, index) => index));
});

/** Changes a task as long as `going` says so, then once more to `The end`; the transactions that did it. */
async function write(database: Database, task: string, going: () => boolean): Promise<string[]> {
  const sql = 'UPDATE task SET title = $2 WHERE id = $1 RETURNING pg_current_xact_id()::text AS transaction';
  const update = async (title: string) => text(await database.query(sql, [task, title]), 'transaction');
  const transactions = [];
  while (going()) transactions.push(await update(`Written ${transactions.length}`));
  return [...transactions, await update('The end')];
}

test('a lost connection goes on where it was lost: no copy, no loss, nothing twice', async () => {
  const CONNECTIONS = 6;
  const MESSAGES_EACH = 30;
  const database = await connect();
  const project = await createProject(database);
  const task = await createTask(database, project, { title: 'The beginning' });

  let connections = 0;
  let socket: WebSocket | undefined;
  const client = open({
    retryAttempts: CONNECTIONS,
    retryWait: () => Promise.resolve(),
    shouldRetry: () => true,
    on: {
      connected: (connected) => {
        connections += 1;
        socket = connected as WebSocket;
      },
    },
  });
  const variables: { project: string; since?: string } = { project };
  const stream = follow(client, variables);
  variables.since = (await next(stream)).tasks.sequence;

  const written = write(database, task, () => connections < CONNECTIONS);
  const received: string[] = [];
  for (let title = ''; title !== 'The end'; ) {
    const { tasks } = await next(stream);
    expect(tasks.reset).toBeNull();
    expect(tasks.previous !== null && tasks.previous <= variables.since, 'nothing was missed').toBe(true);
    variables.since = tasks.sequence;
    if (isIdle(tasks)) continue;
    received.push(tasks.transaction ?? 'no transaction');
    title = tasks.changes[0]?.task?.title ?? 'no title';
    if (connections < CONNECTIONS && received.length >= connections * MESSAGES_EACH) socket?.terminate();
  }
  expect(received).toEqual(await written);
  expect(connections).toBe(CONNECTIONS);
});
