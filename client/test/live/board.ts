// What tests on a real server have in common: clients, rows that other programs write by `pg`, and documents with their types.
import { Client as Database } from 'pg';
import { inject, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { connect, type Everwire, type Options } from '../../src/index.js';
import type { Typed } from '../typed.js';

export interface TaskRow {
  id: string;
  title: string;
  status: 'TODO' | 'DOING' | 'DONE';
  priority: number;
}

export type TaskChange =
  { __typename?: 'TaskPut'; task: TaskRow } | { __typename?: 'TaskPatch' } | { __typename?: 'TaskDelete' };

export const TASKS = `subscription Tasks($project: UUID!) {
  tasks(where: { projectId: { eq: $project } }) {
    changes { ... on TaskPut { task { id title status priority } } }
  }
}` as Typed<{ tasks: { changes: TaskChange[] } }, { project: string }>;

/** A client until the end of the test. */
export function open(options: Partial<Options> = {}): Everwire {
  const client = connect({ url: `${inject('base')}/graphql`, webSocket: WebSocket, ...options });
  onTestFinished(() => client.close());
  return client;
}

/** A connection of another program to the database, until the end of the test. */
export async function database(url: string = inject('databaseUrl')): Promise<Database> {
  const client = new Database({ connectionString: url });
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

/** The first column of the first row. */
export async function value(client: Database, sql: string, parameters: unknown[] = []): Promise<string> {
  const { rows } = await client.query({ text: sql, values: parameters, rowMode: 'array' });
  return String((rows[0] as unknown[] | undefined)?.[0]);
}

/** A project that no other test looks at. */
export function createProject(client: Database): Promise<string> {
  return value(client, `INSERT INTO project (name, slug) VALUES ('Test', 'test-' || gen_random_uuid()) RETURNING id`);
}

export function createTask(client: Database, project: string, title: string): Promise<string> {
  const sql = `INSERT INTO task (project_id, author_id, title)
    VALUES ($1, (SELECT id FROM person ORDER BY id LIMIT 1), $2) RETURNING id`;
  return value(client, sql, [project, title]);
}

export function anyPerson(client: Database): Promise<string> {
  return value(client, 'SELECT id FROM person ORDER BY id LIMIT 1');
}
