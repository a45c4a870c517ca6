// @vitest-environment happy-dom
// The pages of the documentation about the client: each is written out as its reader would, compiled, and run on a real
// server.
import 'fake-indexeddb/auto';
import { act, cleanup, render, screen, within } from '@testing-library/react';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { createElement, Suspense, type ComponentType, type ReactNode } from 'react';
import { afterEach, beforeAll, expect, inject, test } from 'vitest';
import { WebSocket } from 'ws';
import type { Everwire } from '../../src/index.js';
import { anyPerson, createProject, createTask, database, value } from './board.js';
import { Page } from './pages.js';

const PACKAGE = path.resolve(import.meta.dirname, '../..');
const pages: Page[] = [];

beforeAll(async () => {
  await promisify(execFile)('npm', ['run', 'build'], { cwd: PACKAGE });
  // A browser brings its own.
  Object.assign(globalThis, { WebSocket });
}, 120_000);

afterEach(async () => {
  cleanup();
  for (const page of pages.splice(0)) await page.remove();
});

async function write(name: string): Promise<Page> {
  const page = await Page.write(name, inject('base'));
  pages.push(page);
  return page;
}

function titles(): (string | null)[] {
  return screen.queryAllByRole('listitem').map((item) => item.textContent);
}

test('the tutorial: a live list, its types, and a board of several tables', async () => {
  const page = await write('client.md');
  await page.run('graphql-codegen');
  await page.run('tsc');
  await page.run('vite', 'build');

  const other = await database();
  const [project, author] = [await createProject(other), await anyPerson(other)];
  await createTask(other, project, 'First');
  const { everwire } = (await page.load('src/everwire.ts')) as { everwire: Everwire };
  const { Tasks } = (await page.load('src/Tasks.tsx')) as { Tasks: ComponentType<{ project: string; author: string }> };
  const { Board } = (await page.load('src/Board.tsx')) as { Board: ComponentType };
  const { EverwireProvider } = (await import(path.join(page.folder, 'node_modules/everwire/dist/react.js'))) as {
    EverwireProvider: ComponentType<{ client: Everwire; children?: ReactNode }>;
  };
  const show = (element: ReactNode): void => {
    render(
      createElement(
        EverwireProvider,
        { client: everwire },
        createElement(Suspense, { fallback: 'Loading …' }, element),
      ),
    );
  };

  await act(() => Promise.resolve(show(createElement(Tasks, { project, author }))));
  await expect.poll(titles).toEqual(['FirstDelete First']);
  await createTask(other, project, 'Second');
  await expect.poll(titles).toEqual(['FirstDelete First', 'SecondDelete Second']);
  act(() => screen.getByRole('checkbox', { name: 'First' }).click());
  expect(screen.getByRole<HTMLInputElement>('checkbox', { name: 'First' }).checked).toBe(true);
  await expect
    .poll(() => value(other, `SELECT status FROM task WHERE title = 'First' AND project_id = $1`, [project]))
    .toBe('done');
  act(() => screen.getByRole('button', { name: 'Delete Second' }).click());
  expect(titles()).toEqual(['FirstDelete First']);
  await expect.poll(() => value(other, 'SELECT count(*) FROM task WHERE project_id = $1', [project])).toBe('1');
  screen.getByRole<HTMLInputElement>('textbox', { name: 'Title' }).value = 'Third';
  await act(() => Promise.resolve(screen.getByRole('button', { name: 'Add' }).click()));
  await expect.poll(titles).toEqual(['FirstDelete First', 'ThirdDelete Third']);
  await expect.poll(() => everwire.writes).toEqual([]);
  expect(document.body.textContent).toContain('2 tasks, live');

  cleanup();
  await other.query(`UPDATE project SET name = 'Board of the tutorial' WHERE id = $1`, [project]);
  await act(() => Promise.resolve(show(createElement(Board))));
  const heading = (): HTMLElement | null => screen.queryByRole('heading', { name: /^Board of the tutorial/ });
  await expect.poll(() => heading()?.textContent).toBe('Board of the tutorial (2)');
  await other.query(
    `UPDATE task SET assignee_id = (SELECT id FROM person ORDER BY id LIMIT 1), title = 'Somebody''s' WHERE title = 'Third' AND project_id = $1`,
    [project],
  );
  const name = await value(other, 'SELECT name FROM person ORDER BY id LIMIT 1');
  const section = heading()?.parentElement as HTMLElement;
  await expect.poll(() => within(section).queryByText(`Somebody's, ${name}`)).not.toBeNull();
  everwire.close();
});

test('the types of the tutorial hold: what does not fit is refused by the compiler', async () => {
  const page = await write('client.md');
  await page.run('graphql-codegen');
  const imports =
    "import './inputs';\nimport { everwire } from './everwire';\nimport { TasksDocument } from './generated/graphql';\n";
  const attempts = {
    'right.ts': `tasks.patch('', { status: 'DONE', note: null }); tasks.rows.map(({ title }) => title.length);`,
    'row.ts': 'tasks.rows.map((row) => row.titel);',
    'value.ts': `tasks.patch('', { status: 'FINISHED' });`,
    'column.ts': `tasks.patch('', { colour: 'red' });`,
    'missing.ts': 'everwire.copy(TasksDocument);',
    'variable.ts': `everwire.copy(TasksDocument, { projekt: '' });`,
  };
  for (const [file, code] of Object.entries(attempts)) {
    const start = `${imports}const tasks = everwire.copy(TasksDocument, { project: '' });\n`;
    await writeFile(path.join(page.folder, 'src', file), `${start}${code}\nvoid tasks;\n`);
  }
  const complaints = await page.run('tsc').then(
    () => '',
    (error: unknown) => String(error),
  );
  const refused = [...complaints.matchAll(/^src\/(\w+\.ts)\(\d+,\d+\): error TS\d+: (.*)$/gm)].map(
    ([, file, message]) => `${file}: ${message}`,
  );
  expect(refused.map((line) => line.replace(/\{.*\}/, '…')).sort()).toEqual([
    expect.stringMatching(/^column.ts: .*'colour' does not exist in type/),
    expect.stringMatching(/^missing.ts: Expected 2 arguments/),
    expect.stringMatching(/^row.ts: Property 'titel' does not exist/),
    expect.stringMatching(/^value.ts: Type '"FINISHED"' is not assignable/),
    expect.stringMatching(/^variable.ts: .*'projekt' does not exist in type/),
  ]);
});

test('Apollo Client', async () => {
  const page = await write('apollo.md');
  const other = await database();
  const project = await createProject(other);
  const first = await createTask(other, project, 'First');
  const { client, everwire } = (await page.load('src/client.ts')) as { client: object; everwire: Everwire };
  const { Tasks } = (await page.load('src/Tasks.tsx')) as { Tasks: ComponentType<{ project: string }> };
  const { ApolloProvider } = (await import('@apollo/client/react')) as unknown as {
    ApolloProvider: ComponentType<{ client: object; children?: ReactNode }>;
  };
  await act(() =>
    Promise.resolve(void render(createElement(ApolloProvider, { client }, createElement(Tasks, { project })))),
  );
  await expect.poll(titles).toEqual(['First']);
  await other.query(`UPDATE task SET title = 'Changed' WHERE id = $1`, [first]);
  await expect.poll(titles).toEqual(['Changed']);
  everwire.pause();
  await createTask(other, project, 'Second');
  await other.query('DELETE FROM task WHERE id = $1', [first]);
  everwire.resume();
  await expect.poll(titles).toEqual(['Second']);
  everwire.close();
});

test('urql', async () => {
  const page = await write('urql.md');
  const other = await database();
  const project = await createProject(other);
  const first = await createTask(other, project, 'First');
  // The client that the page's module brings is in the same bundle.
  const { follow } = (await page.load('src/tasks.ts')) as {
    follow: (project: string, show: (titles: string[]) => void) => () => void;
  };
  let shown: string[] = [];
  const end = follow(project, (titles) => (shown = titles));
  await expect.poll(() => shown).toEqual(['First']);
  await other.query(`UPDATE task SET title = 'Changed' WHERE id = $1`, [first]);
  await expect.poll(() => shown).toEqual(['Changed']);
  await createTask(other, project, 'Second');
  await expect.poll(() => [...shown].sort()).toEqual(['Changed', 'Second']);
  await other.query('DELETE FROM task WHERE id = $1', [first]);
  await expect.poll(() => shown).toEqual(['Second']);
  end();
});
