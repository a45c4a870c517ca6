// What the tests have in common: the server's addresses, and rows that other programs write, by `pg`.
import { getIntrospectionQuery, type ExecutionResult, type IntrospectionQuery } from 'graphql';
import { Client } from 'pg';
import { inject, onTestFinished } from 'vitest';

export const BASE = inject('base');
export const HTTP = `${BASE}/graphql`;
export const SOCKET = HTTP.replace('http:', 'ws:');

/** The schema as the server tells it to tools. */
export async function introspect(): Promise<IntrospectionQuery> {
  const query = getIntrospectionQuery({
    specifiedByUrl: true,
    directiveIsRepeatable: true,
    inputValueDeprecation: true,
    oneOf: true,
  });
  const body = JSON.stringify({ query });
  const response = await fetch(HTTP, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  const { data, errors } = (await response.json()) as ExecutionResult<IntrospectionQuery>;
  if (!data) throw new Error(JSON.stringify(errors));
  return data;
}

/** A connection of another program to the database, until the end of the test. */
export async function connect(): Promise<Client> {
  const client = new Client({ connectionString: inject('databaseUrl') });
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

/** An id of a project that no other test looks at. */
export async function createProject(database: Client): Promise<string> {
  const sql = `INSERT INTO project (name, slug) VALUES ('Test', 'test-' || gen_random_uuid()) RETURNING id`;
  return text(await database.query(sql), 'id');
}

export interface Task {
  title: string;
  status?: 'todo' | 'doing' | 'done';
}

/** The id of a new task. */
export async function createTask(database: Client, project: string, task: Task): Promise<string> {
  const sql = `INSERT INTO task (project_id, author_id, title, status)
    VALUES ($1, (SELECT id FROM person ORDER BY id LIMIT 1), $2, $3) RETURNING id`;
  return text(await database.query(sql, [project, task.title, task.status ?? 'doing']), 'id');
}

/** A part of the first row. */
export function text(result: { rows: Record<string, unknown>[] }, column: string): string {
  const value = result.rows[0]?.[column];
  if (typeof value !== 'string') throw new Error(`no ${column} in ${JSON.stringify(result.rows)}`);
  return value;
}
