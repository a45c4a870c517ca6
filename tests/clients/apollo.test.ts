// Apollo Client with its normalised cache: what the subscription brings is in the query, by itself.
import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { OperationTypeNode } from 'graphql';
import { expect, onTestFinished, test, vi } from 'vitest';
import { connect, createProject, createTask, HTTP, introspect } from './board';
import { BOARD, countingFetch, LIVE, type Board, type Live } from './cached';
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
