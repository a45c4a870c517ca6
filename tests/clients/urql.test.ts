// urql with its normalised cache: what the subscription brings is in the query, by itself.
import { Client, fetchExchange, gql, subscriptionExchange } from '@urql/core';
import { cacheExchange } from '@urql/exchange-graphcache';
import { expect, onTestFinished, test, vi } from 'vitest';
import { connect, createProject, createTask, HTTP, introspect } from './board';
import { BOARD, countingFetch, LIVE, type Board, type Live } from './cached';
import { open } from './socket';

async function createClient(fetch: typeof globalThis.fetch): Promise<Client> {
  const socket = open();
  return new Client({
    url: HTTP,
    fetch,
    preferGetMethod: false,
    exchanges: [
      cacheExchange({ schema: await introspect() }),
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
