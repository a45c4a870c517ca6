// urql with its normalised cache: what the subscription brings is in the query, by itself.
import { Client, fetchExchange, gql, subscriptionExchange, type Exchange } from '@urql/core';
import { cacheExchange } from '@urql/exchange-graphcache';
import { persistedExchange } from '@urql/exchange-persisted';
import { expect, onTestFinished, test, vi } from 'vitest';
import { connect, createProject, createTask, HTTP, introspect } from './board';
import { BOARD, countingFetch, LIVE, type Board, type Live } from './cached';
import { updates } from './snippets/urql';
import { open } from './socket';

async function createClient(fetch: typeof globalThis.fetch, exchanges: Exchange[] = []): Promise<Client> {
  const socket = open();
  return new Client({
    url: HTTP,
    fetch,
    preferGetMethod: false,
    exchanges: [
      cacheExchange({ schema: await introspect(), updates: updates(BOARD) }),
      ...exchanges,
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query = '', variables }) => ({
          subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query, variables: variables ?? {} }, sink as never) }),
        }),
      }),
    ],
  });
}

test('urql: a change by another program is in the cached query', async () => {
  const database = await connect();
  const project = await createProject(database);
  const id = await createTask(database, project, { title: 'As it was' });
  const complaints = [vi.spyOn(console, 'warn'), vi.spyOn(console, 'error')];
  const http = countingFetch();
  const client = await createClient(http.fetch);
  const variables = { project };
  const query = gql<Board>(BOARD);

  let shown: string | undefined;
  const watched = client.query(query, variables).subscribe(({ data }) => {
    shown = data?.tasks.nodes[0]?.title;
  });
  onTestFinished(() => watched.unsubscribe());
  await expect.poll(() => shown).toBe('As it was');
  const received: (Live | undefined)[] = [];
  const live = client.subscription(gql<Live>(LIVE), variables).subscribe(({ data }) => received.push(data));
  onTestFinished(() => live.unsubscribe());
  await expect.poll(() => received[0]?.tasks.reset).toBe('START');

  await database.query(`UPDATE task SET title = 'As it is' WHERE id = $1`, [id]);
  await expect.poll(() => shown).toBe('As it is');
  expect(client.readQuery(query, variables)?.data?.tasks.nodes).toEqual([
    { id, title: 'As it is', priority: 2 },
  ]);
  expect(http.count(), 'questions over HTTP').toBe(1);
  expect(complaints.flatMap((spy) => spy.mock.calls)).toEqual([]);
});

test('urql: with the documented lines a list follows rows that come and go', async () => {
  const database = await connect();
  const project = await createProject(database);
  const id = await createTask(database, project, { title: 'There already' });
  const http = countingFetch();
  const client = await createClient(http.fetch);
  const variables = { project };
  let shown: string[] | undefined;
  const watched = client.query(gql<Board>(BOARD), variables).subscribe(({ data }) => {
    shown = data?.tasks.nodes.map((node) => node.title);
  });
  onTestFinished(() => watched.unsubscribe());
  await expect.poll(() => shown).toEqual(['There already']);
  const received: (Live | undefined)[] = [];
  const live = client.subscription(gql<Live>(LIVE), variables).subscribe(({ data }) => received.push(data));
  onTestFinished(() => live.unsubscribe());
  await expect.poll(() => received[0]?.tasks.reset).toBe('START');

  const other = await createTask(database, project, { title: 'New' });
  await expect.poll(() => shown).toEqual(['There already', 'New']);
  expect(http.count(), 'the query alone').toBe(1);
  const mutation = gql<{ patchTask: { status: string } }>(
    'mutation ($id: UUID!) { patchTask(id: $id, patch: { status: DONE }) { id status } }',
  );
  const { data } = await client.mutation(mutation, { id });
  expect(data?.patchTask.status).toBe('DONE');
  await expect.poll(() => shown).toEqual(['New']);
  await database.query('DELETE FROM task WHERE id = $1', [other]);
  await expect.poll(() => shown).toEqual([]);
  // The answer to the mutation and the message of its change come by two ways, in either order: where the row is gone
  // from the cache before the answer, the cache may ask for the list once more.
  expect(http.count(), 'the query, the mutation, perhaps the query again').toBeLessThanOrEqual(3);
});

test('urql: automatic persisted queries', async () => {
  const http = countingFetch();
  const client = await createClient(http.fetch, [persistedExchange({ preferGetForPersistedQueries: true })]);
  const query = gql<Board>('query PersistedByUrql { tasks(first: 1) { nodes { id } } }');
  for (const asked of [2, 3]) {
    const { data } = await client.query(query, {}, { requestPolicy: 'network-only' });
    expect(data?.tasks.nodes).toHaveLength(1);
    expect(http.count(), 'unknown, then sent; known').toBe(asked);
  }
});
