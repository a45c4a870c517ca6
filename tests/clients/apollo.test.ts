// Apollo Client with its normalised cache: what the subscription brings is in the query, by itself.
import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { OperationTypeNode } from 'graphql';
import { createHash } from 'node:crypto';
import { expect, onTestFinished, test, vi } from 'vitest';
import { connect, createProject, createTask, HTTP, introspect } from './board';
import { BOARD, countingFetch, LIVE, type Board, type Live } from './cached';
import { follow } from './snippets/apollo';
import { open } from './socket';

/** Which types an interface has, as Apollo's documentation says to tell its cache. */
async function possibleTypes(): Promise<Record<string, string[]>> {
  const { __schema } = await introspect();
  const interfaces = __schema.types.filter((type) => type.kind === 'INTERFACE');
  return Object.fromEntries(interfaces.map((type) => [type.name, type.possibleTypes.map(({ name }) => name)]));
}

async function createClient(fetch: typeof globalThis.fetch): Promise<ApolloClient> {
  const link = ApolloLink.split(
    ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
    new GraphQLWsLink(open()),
    new HttpLink({ uri: HTTP, fetch }),
  );
  const client = new ApolloClient({ link, cache: new InMemoryCache({ possibleTypes: await possibleTypes() }) });
  onTestFinished(() => client.stop());
  return client;
}

test('Apollo Client: a change by another program is in the cached query', async () => {
  const database = await connect();
  const project = await createProject(database);
  const id = await createTask(database, project, { title: 'As it was' });
  const complaints = [vi.spyOn(console, 'warn'), vi.spyOn(console, 'error')];
  const http = countingFetch();
  const client = await createClient(http.fetch);
  const variables = { project };
  const query = gql(BOARD);

  let shown: string | undefined;
  const watched = client.watchQuery<Board>({ query, variables }).subscribe(({ data }) => {
    shown = data?.tasks?.nodes?.[0]?.title;
  });
  onTestFinished(() => watched.unsubscribe());
  await expect.poll(() => shown).toBe('As it was');
  const received: (Live | undefined)[] = [];
  const live = client.subscribe<Live>({ query: gql(LIVE), variables }).subscribe(({ data }) => received.push(data));
  onTestFinished(() => live.unsubscribe());
  await expect.poll(() => received[0]?.tasks.reset).toBe('START');

  await database.query(`UPDATE task SET title = 'As it is' WHERE id = $1`, [id]);
  await expect.poll(() => shown).toBe('As it is');
  expect(client.readQuery<Board>({ query, variables })?.tasks.nodes).toEqual([
    { __typename: 'Task', id, title: 'As it is', priority: 2 },
  ]);
  expect(http.count(), 'questions over HTTP').toBe(1);
  expect(complaints.flatMap((spy) => spy.mock.calls)).toEqual([]);
});

test('Apollo Client: with the documented lines a list follows rows that come and go', async () => {
  const database = await connect();
  const project = await createProject(database);
  const id = await createTask(database, project, { title: 'There already' });
  const http = countingFetch();
  const client = await createClient(http.fetch);
  const variables = { project };
  let shown: string[] | undefined;
  const watched = client.watchQuery<Board>({ query: gql(BOARD), variables }).subscribe(({ data }) => {
    shown = data?.tasks?.nodes?.map((node) => node?.title ?? 'no title');
  });
  onTestFinished(() => watched.unsubscribe());
  await expect.poll(() => shown).toEqual(['There already']);
  const live = follow(client, BOARD, LIVE, variables);
  onTestFinished(() => live.unsubscribe());

  const other = await createTask(database, project, { title: 'New' });
  await expect.poll(() => shown).toEqual(['There already', 'New']);
  // By the client's own mutation, over HTTP: the row does not match any more, and is gone from the list.
  const mutation = gql('mutation ($id: UUID!) { patchTask(id: $id, patch: { status: DONE }) { id status } }');
  const { data } = await client.mutate<{ patchTask: { status: string } }>({ mutation, variables: { id } });
  expect(data?.patchTask.status).toBe('DONE');
  await expect.poll(() => shown).toEqual(['New']);
  await database.query('DELETE FROM task WHERE id = $1', [other]);
  await expect.poll(() => shown).toEqual([]);
  // The answer to the mutation and the message of its change come by two ways, in either order: where the row is gone
  // from the cache before the answer, the cache may ask for the list once more.
  expect(http.count(), 'the query, the mutation, perhaps the query again').toBeLessThanOrEqual(3);
});

test('Apollo Client: automatic persisted queries, by POST and by GET', async () => {
  const bodies: string[] = [];
  const watching: typeof fetch = (input, init) => {
    bodies.push(`${input instanceof Request ? input.url : input} ${typeof init?.body === 'string' ? init.body : ''}`);
    return fetch(input, init);
  };
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
  for (const useGETForHashedQueries of [false, true]) {
    bodies.length = 0;
    const persisted = new PersistedQueryLink({ sha256, useGETForHashedQueries });
    const link = ApolloLink.from([persisted, new HttpLink({ uri: HTTP, fetch: watching })]);
    const client = new ApolloClient({ link, cache: new InMemoryCache() });
    onTestFinished(() => client.stop());
    const query = gql(`query Persisted${useGETForHashedQueries} { tasks(first: 1) { nodes { id } } }`);
    for (const _ of ['unknown, then sent', 'known']) {
      const { data } = await client.query<Board>({ query, fetchPolicy: 'network-only' });
      expect(data?.tasks.nodes).toHaveLength(1);
    }
    const withText = bodies.map((body) => body.includes('query Persisted') || body.includes('query=query'));
    expect(withText).toEqual([false, true, false]);
  }
});
