// Existing apps with Apollo Client and urql on a real server: their caches follow over a lost connection, and let go of
// rows that are gone.
import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { Client, fetchExchange, gql as urqlGql } from '@urql/core';
import { cacheExchange } from '@urql/exchange-graphcache';
import { getIntrospectionQuery, type IntrospectionQuery } from 'graphql';
import { expect, inject, onTestFinished, test } from 'vitest';
import { EverwireLink } from '../../src/apollo.js';
import { everwireExchange, forget } from '../../src/urql.js';
import { createProject, createTask, database, open } from './board.js';

const HTTP = `${inject('base')}/graphql`;
const QUERY = 'query Board($project: UUID!) { tasks(where: { projectId: { eq: $project } }) { nodes { id title } } }';
const LIVE = `subscription Live($project: UUID!) {
  tasks(where: { projectId: { eq: $project } }) { changes { ... on TaskPut { task { id title } } } }
}`;

interface Board {
  tasks: { nodes: { id: string; title: string }[] };
}

async function introspect(): Promise<IntrospectionQuery> {
  const body = JSON.stringify({ query: getIntrospectionQuery() });
  const response = await fetch(HTTP, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  return ((await response.json()) as { data: IntrospectionQuery }).data;
}

test('Apollo Client', async () => {
  const other = await database();
  const project = await createProject(other);
  const [first, second] = [await createTask(other, project, 'One'), await createTask(other, project, 'Two')];
  const everwire = open();
  const interfaces = (await introspect()).__schema.types.filter((type) => type.kind === 'INTERFACE');
  const possibleTypes = Object.fromEntries(
    interfaces.map((type) => [type.name, type.possibleTypes.map(({ name }) => name)]),
  );
  const cache = new InMemoryCache({ possibleTypes });
  const client = new ApolloClient({
    cache,
    link: ApolloLink.from([new EverwireLink(everwire, cache), new HttpLink({ uri: HTTP })]),
  });
  onTestFinished(() => client.stop());
  const variables = { project };
  let shown: string[] = [];
  const watched = client.watchQuery<Board>({ query: gql(QUERY), variables }).subscribe(({ data }) => {
    shown = (data as Board | undefined)?.tasks.nodes.map(({ title }) => title).sort() ?? [];
  });
  onTestFinished(() => watched.unsubscribe());
  await expect.poll(() => shown).toEqual(['One', 'Two']);
  let messages = 0;
  const live = client.subscribe({ query: gql(LIVE), variables }).subscribe(() => (messages += 1));
  onTestFinished(() => live.unsubscribe());
  await expect.poll(() => messages).toBe(1);

  everwire.pause();
  await other.query(`UPDATE task SET title = 'Changed' WHERE id = $1`, [first]);
  await other.query('DELETE FROM task WHERE id = $1', [second]);
  everwire.resume();
  await expect.poll(() => shown).toEqual(['Changed']);
  expect(messages, 'no second copy').toBe(3);
});

test('urql', async () => {
  const other = await database();
  const project = await createProject(other);
  const [first, second] = [await createTask(other, project, 'One'), await createTask(other, project, 'Two')];
  const everwire = open();
  const client = new Client({
    url: HTTP,
    preferGetMethod: false,
    exchanges: [
      cacheExchange({ schema: await introspect(), updates: { Subscription: { tasks: forget } } }),
      everwireExchange(everwire),
      fetchExchange,
    ],
  });
  const variables = { project };
  let shown: string[] = [];
  const watched = client.query(urqlGql<Board>(QUERY), variables).subscribe(({ data }) => {
    shown = data?.tasks.nodes.map(({ title }) => title).sort() ?? [];
  });
  onTestFinished(() => watched.unsubscribe());
  await expect.poll(() => shown).toEqual(['One', 'Two']);
  let messages = 0;
  const live = client.subscription(urqlGql(LIVE), variables).subscribe(() => (messages += 1));
  onTestFinished(() => live.unsubscribe());
  await expect.poll(() => messages).toBe(1);

  everwire.pause();
  await other.query(`UPDATE task SET title = 'Changed' WHERE id = $1`, [first]);
  await other.query('DELETE FROM task WHERE id = $1', [second]);
  everwire.resume();
  await expect.poll(() => shown).toEqual(['Changed']);
  expect(messages, 'no second copy').toBe(3);
});
