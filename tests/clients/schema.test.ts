// The schema as `graphql`, the reference implementation, sees it: as written down, and as introspected.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import {
  buildClientSchema,
  buildSchema,
  GraphQLSchema,
  isInputObjectType,
  isScalarType,
  lexicographicSortSchema,
  printSchema,
  validateSchema,
} from 'graphql';
import { expect, test } from 'vitest';
import { introspect } from './board';

const WRITTEN = path.resolve(import.meta.dirname, '../../schema.graphql');

async function written(): Promise<GraphQLSchema> {
  return buildSchema(await readFile(WRITTEN, 'utf8'));
}

/** Sorted, as SDL. A scalar that nothing uses is written down, but introspection does not tell of it. */
function printed(schema: GraphQLSchema): string {
  const { types, ...config } = lexicographicSortSchema(schema).toConfig();
  return printSchema(new GraphQLSchema({ ...config, types: types.filter((type) => !isScalarType(type)) }));
}

async function introspected(): Promise<GraphQLSchema> {
  return buildClientSchema(await introspect());
}

test('schema.graphql is a valid schema', async () => {
  expect(validateSchema(await written())).toEqual([]);
});

test('introspection gives the schema that is written down, with its descriptions', async () => {
  const schema = await introspected();
  expect(validateSchema(schema)).toEqual([]);
  expect(printed(schema)).toBe(printed(await written()));
});

test('comments of the database are descriptions', async () => {
  const task = (await introspected()).getType('Task');
  expect(task?.description).toBe('Something to do in a project.');
  expect(task && 'getFields' in task && task.getFields()['priority']?.description).toBe(
    'From 0, whenever, to 5, at once.',
  );
});

test('introspection tells which inputs take one field only', async () => {
  const types = Object.values((await introspected()).getTypeMap()).filter(isInputObjectType);
  const oneOf = types.filter((type) => type.isOneOf).map((type) => type.name);
  expect(oneOf).toContain('TaskOrder');
  expect(oneOf).not.toContain('TaskFilter');
});
