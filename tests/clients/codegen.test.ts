// GraphQL Code Generator, as an app uses it: types from the served schema that a strict compiler takes, operations that
// run with them, and documents that a server can be told to take alone.
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { beforeAll, expect, inject, onTestFinished, test } from 'vitest';
import { connect, createProject, createTask, HTTP } from './board';
import { serve } from './server';
import { tool } from './tool';

const APP = path.resolve(import.meta.dirname, 'generated-app');
const GENERATED = path.join(APP, 'generated');
type Operations = typeof import('./generated-app/operations');

beforeAll(async () => {
  await rm(GENERATED, { recursive: true, force: true });
  await tool(APP, 'graphql-codegen', ['--config', 'codegen.ts'], { SCHEMA: HTTP });
}, 180_000);

/** Only when its types are there. */
const operations = (): Promise<Operations> => import('./generated-app/operations');

test('a strict compiler takes what was generated, and the app that uses it', async () => {
  await tool(APP, 'tsc', ['-p', 'tsconfig.json']);
});

test('generated documents run, and a server that takes nothing else takes them by their hash', async () => {
  const database = await connect();
  const project = await createProject(database);
  const id = await createTask(database, project, { title: 'Generated' });
  const documents = path.join(GENERATED, 'persisted-documents.json');
  const listed = Object.keys(JSON.parse(await readFile(documents, 'utf8')) as Record<string, string>);
  expect(listed).toHaveLength(3);
  const only = await serve(['--documents', documents, '--only-documents', '--history-slot', 'off'], { DATABASE_URL: inject('databaseUrl') });
  onTestFinished(only.stop);

  const { board, rename, points } = await operations();
  const generateHash = (document: unknown) => (document as { __meta__: { hash: string } }).__meta__.hash;
  const link = ApolloLink.from([new PersistedQueryLink({ generateHash }), new HttpLink({ uri: `${only.base}/graphql` })]);
  const client = new ApolloClient({ link, cache: new InMemoryCache() });
  onTestFinished(() => client.stop());
  const patch = { title: 'Renamed', points: '9007199254740993', tags: ['a', 'b'], meta: { deep: [1, null] } };
  const renamed = await client.mutate({ mutation: rename, variables: { id, patch } });
  expect(renamed.data?.patchTask).toMatchObject({ id, ...patch });
  const read = await client.query({ query: board, variables: { project, status: 'DOING' } });
  expect(read.data && points(read.data)).toEqual(['9007199254740993']);

  const post = async (body: object) => {
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    return (await (await fetch(`${only.base}/graphql`, init)).json()) as object;
  };
  const refused = (code: string) => ({ errors: [{ extensions: { code } }] });
  expect(await post({ query: '{ __typename }' })).toMatchObject(refused('DOCUMENT_NOT_ALLOWED'));
  expect(await post({ documentId: 'unknown' })).toMatchObject(refused('DOCUMENT_NOT_FOUND'));
  const documentId = generateHash(board);
  expect(await post({ documentId, variables: { project } })).toMatchObject({ data: { tasks: { totalCount: 1 } } });
});
