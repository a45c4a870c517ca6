// The schema as `graphql`, the reference implementation, sees it: as written down, and as introspected.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import {
  buildClientSchema,
  buildSchema,
  getIntrospectionQuery,
  GraphQLSchema,
  isInputObjectType,
  isScalarType,
  lexicographicSortSchema,
  printSchema,
  validateSchema,
  type ExecutionResult,
  type IntrospectionQuery,
} from 'graphql';
import { expect, test } from 'vitest';
import { HTTP } from './board';

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
  return buildClientSchema(data);
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
