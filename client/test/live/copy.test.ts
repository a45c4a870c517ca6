// A copy and own writes on a real server.
import { expect, test } from 'vitest';
import type { Typed } from '../typed.js';
import { anyPerson, createProject, createTask, database, open, TASKS, type TaskChange } from './board.js';

test('a copy follows what another program does', async () => {
  const other = await database();
  const project = await createProject(other);
  const first = await createTask(other, project, 'First');
  const tasks = open().copy(TASKS, { project });
  await tasks.ready;
  expect(tasks.state).toMatchObject({ status: 'live', reset: 'START', gaps: { noticed: 0, healed: 0 } });
  expect(tasks.rows).toEqual([{ id: first, title: 'First', status: 'TODO', priority: 2 }]);

  const second = await createTask(other, project, 'Second');
  await expect.poll(() => tasks.get(second)?.title).toBe('Second');
  const before = tasks.get(first);
  await other.query(`UPDATE task SET status = 'doing' WHERE id = $1`, [second]);
  await expect
    .poll(() => tasks.by('status', 'DOING'))
    .toEqual([{ id: second, title: 'Second', status: 'DOING', priority: 2 }]);
  expect(tasks.get(first), 'a row that did not change').toBe(before);
  await other.query('DELETE FROM task WHERE id = $1', [first]);
  await expect.poll(() => tasks.size).toBe(1);
});

test('a commit in several tables is seen whole', async () => {
  const other = await database();
  const project = await createProject(other);
  const task = await createTask(other, project, 'One');
  const document = `subscription ($project: UUID!) {
    sync {
      projects(where: { id: { eq: $project } }) { ... on ProjectPut { project { id name } } }
      tasks(where: { projectId: { eq: $project } }) { ... on TaskPut { task { id title } } }
    }
  }` as Typed<
    {
      sync: {
        projects: { __typename?: 'ProjectPut'; project: { id: string; name: string } }[];
        tasks: { __typename?: 'TaskPut'; task: { id: string; title: string } }[];
      };
    },
    { project: string }
  >;
  const board = open().sync(document, { project });
  await board.ready;
  const seen: string[] = [];
  board.subscribe(() =>
    seen.push(`${board.tables.projects.get(project)?.name} ${board.tables.tasks.get(task)?.title}`),
  );
  await other.query(`BEGIN; UPDATE project SET name = 'New' WHERE id = '${project}';
    UPDATE task SET title = 'Two' WHERE id = '${task}'; COMMIT`);
  await expect.poll(() => seen.length).toBeGreaterThan(0);
  expect(new Set(seen)).toEqual(new Set(['New Two']));
});

test('own writes are seen at once, and replaced by the truth', async () => {
  const other = await database();
  const [project, authorId] = [await createProject(other), await anyPerson(other)];
  const client = open();
  const tasks = client.copy(TASKS, { project });
  await tasks.ready;
  const created = tasks.create({ projectId: project, authorId, title: 'Mine' }, { status: 'TODO' });
  const id = String(created.key['id']);
  expect(tasks.get(id)).toEqual({ id, title: 'Mine', status: 'TODO', priority: null });
  expect(await created.done).toEqual({ id, title: 'Mine', status: 'TODO', priority: 2 });
  expect(tasks.get(id)).toMatchObject({ priority: 2 });

  const patched = tasks.patch(id, { title: 'Still mine' });
  expect(tasks.get(id)).toMatchObject({ title: 'Still mine' });
  expect(tasks.pending(id).map(({ op }) => op)).toContain('patch');
  await patched.done;
  await expect.poll(() => client.writes).toEqual([]);
  expect(tasks.get(id)).toEqual({ id, title: 'Still mine', status: 'TODO', priority: 2 });

  const deleted = tasks.delete({ id });
  expect(tasks.size).toBe(0);
  expect(await deleted.done).toBeNull();
  await expect.poll(() => client.writes).toEqual([]);
  expect(tasks.size).toBe(0);
});

test('a refused write is taken back, with the reason', async () => {
  const other = await database();
  const project = await createProject(other);
  const id = await createTask(other, project, 'As it was');
  const refused: (string | undefined)[] = [];
  const tasks = open({ onRefused: ({ error }) => refused.push(error?.code) }).copy(TASKS, { project });
  await tasks.ready;
  const before = tasks.get(id);
  const write = tasks.patch(id, { priority: 99 });
  expect(tasks.get(id)?.priority).toBe(99);
  await expect(write.done).rejects.toMatchObject({ code: 'DATA_CHECK' });
  expect(tasks.get(id)).toEqual(before);
  const gone = tasks.patch('30000000-0000-4000-8000-ffffffffffff', { title: 'Nobody' });
  await expect(gone.done).rejects.toMatchObject({ code: 'NOT_FOUND' });
  expect(refused).toEqual(['DATA_CHECK', 'NOT_FOUND']);
});

test('a row whose key the server makes has a name of its own until then', async () => {
  const other = await database();
  const [project, authorId] = [await createProject(other), await anyPerson(other)];
  const taskId = await createTask(other, project, 'Discussed');
  const document = `subscription ($task: UUID!) {
    comments(where: { taskId: { eq: $task } }) { changes { ... on CommentPut { comment { id body } } } }
  }` as Typed<
    { comments: { changes: { __typename?: 'CommentPut'; comment: { id: string; body: string } }[] } },
    { task: string }
  >;
  const client = open();
  const comments = client.copy(document, { task: taskId });
  await comments.ready;
  const created = comments.create({ taskId, authorId, body: 'Yes' });
  const edited = comments.patch(created.key as { id: string }, { body: 'Yes!' });
  expect(comments.rows).toMatchObject([{ id: expect.stringMatching(/^temporary:/), body: 'Yes!' }]);
  await edited.done;
  await expect.poll(() => client.writes).toEqual([]);
  expect(comments.rows).toEqual([{ id: expect.stringMatching(/^\d+$/), body: 'Yes!' }]);
});

test('a document that the server refuses says so', async () => {
  const document = `subscription { tasks { changes { ... on TaskPut { task { id colour } } } } }` as Typed<
    { tasks: { changes: TaskChange[] } },
    Record<string, never>
  >;
  const tasks = open().copy(document);
  await expect(tasks.ready).rejects.toMatchObject({ code: 'GRAPHQL_VALIDATION_FAILED' });
  expect(tasks.state).toMatchObject({ status: 'failed', error: { code: 'GRAPHQL_VALIDATION_FAILED' } });
});
