// What is asked for is what a copy needs, and nothing that the user wrote is lost.
import { parse, print } from 'graphql';
import { expect, test } from 'vitest';
import { complete } from '../src/document.js';

const DOING = `subscription Doing($project: UUID!) {
  tasks(where: { projectId: { eq: $project } }) {
    changes { ... on TaskPut { task { id name: title status } } }
  }
}`;

const text = (document: string): string => print(parse(document));

test('a document that says what to see is completed', () => {
  const plan = complete(DOING);
  expect(plan.query).toBe(
    text(`subscription Doing($project: UUID!, $since: Sequence) {
      tasks(where: { projectId: { eq: $project } }, since: $since) {
        changes { ... on TaskPut { task { id name: title status } } }
        sequence previous reset more transaction
        changes { op key { id } ... on TaskPatch { changed patch { id name: title status } } }
      }
    }`),
  );
  expect(plan.root).toBe('tasks');
  expect(plan.tables).toEqual([
    {
      list: 'changes',
      type: 'Task',
      row: 'task',
      argument: 'task',
      key: ['id'],
      columns: new Map([
        ['id', 'id'],
        ['name', 'title'],
        ['status', 'status'],
      ]),
      showsPatches: false,
    },
  ]);
});

test('sync, aliases, keys of several columns and fragments', () => {
  const plan = complete(`subscription Board {
    sync {
      marks: taskLabels(where: { taskId: { isNull: false } }) { key { taskId labelId } ...Mark }
      tasks { ... on TaskPut { task { ...Card } } }
    }
  }
  fragment Mark on TaskLabelPut { mark: taskLabel { taskId labelId } }
  fragment Card on Task { id title ...More }
  fragment More on Task { status }`);
  expect(plan.tables.map(({ list, type, row, argument, key }) => [list, type, row, argument, key])).toEqual([
    ['marks', 'TaskLabel', 'mark', 'taskLabel', ['taskId', 'labelId']],
    ['tasks', 'Task', 'task', 'task', ['id']],
  ]);
  expect([...(plan.tables[1]?.columns ?? [])].map(([name]) => name)).toEqual(['id', 'title', 'status']);
  expect(plan.query.replace(/[\s,]+/g, ' ')).toMatch(
    /marks: taskLabels\(where: \{ ?taskId: \{ ?isNull: false ?\} ?\}\) \{ op key \{ taskId labelId \}/,
  );
});

test('one that cannot be followed is refused with what to change', () => {
  expect(() => complete('{ tasks { nodes { id } } }')).toThrow('a copy is made by a subscription');
  expect(() => complete('subscription { tasks { sequence } }')).toThrow('select the changes');
  expect(() => complete('subscription { tasks { changes { op } } }')).toThrow('`changes` shows no rows');
  expect(() => complete('subscription { a: tasks { sequence } b: tasks { sequence } }')).toThrow('one root field');
});
