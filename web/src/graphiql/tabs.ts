// What the first tabs say. Takes the served schema, gives operations that are valid on it: those of the
// example database (the project board) where they fit, otherwise one made from the schema's own tables.
import {
  getNamedType,
  GraphQLInterfaceType,
  GraphQLObjectType,
  isInterfaceType,
  isLeafType,
  isObjectType,
  isRequiredArgument,
  parse,
  print,
  validate,
  type GraphQLField,
  type GraphQLSchema,
} from 'graphql';
import board from './examples/board.graphql?raw';
import live from './examples/live.graphql?raw';
import start from './examples/start.graphql?raw';

export interface Tab {
  query: string;
  variables?: string;
}

const BOARD = [board, live, start];
const MOST_COLUMNS = 6;

/** True: the project board is served, as far as its operations can tell. */
export function isBoard(schema: GraphQLSchema): boolean {
  return BOARD.every((operation) => validate(schema, parse(operation)).length === 0);
}

/** The tabs of the project board. `task` is the id of a task that waits to be started. */
export function boardTabs(task: string | undefined): Tab[] {
  const id = task ?? 'the id of a task';
  return [{ query: board }, { query: live }, { query: start, variables: JSON.stringify({ id }, null, 2) }];
}

/** A query and a subscription on the first table that has both; nothing if no table can be listed. */
export function tabsFromSchema(schema: GraphQLSchema): Tab[] {
  const found = fieldsOf(schema.getQueryType())
    .map((field) => tabsOn(schema, field))
    .filter((tabs) => tabs.length > 0);
  return found.find((tabs) => tabs.length > 1) ?? found[0] ?? [];
}

function tabsOn(schema: GraphQLSchema, field: GraphQLField<unknown, unknown>): Tab[] {
  const row = rowOf(field);
  if (!row || row.columns === '') return [];
  const query = `query Example { ${field.name}(first: 10) { nodes { ${row.columns} } } }`;
  return [query, subscriptionOn(schema, field.name, row)]
    .filter((text) => text !== undefined)
    .filter((text) => validate(schema, parse(text)).length === 0)
    .map((text) => ({ query: print(parse(text)) + '\n' }));
}

interface Row {
  type: GraphQLObjectType;
  /** The names of some columns, space between them. */
  columns: string;
}

/** The row type behind a field whose type has `nodes`, as every connection has. */
function rowOf(field: GraphQLField<unknown, unknown>): Row | undefined {
  const connection = getNamedType(field.type);
  const nodes = isObjectType(connection) ? connection.getFields()['nodes'] : undefined;
  const type = nodes && getNamedType(nodes.type);
  return isObjectType(type) ? { type, columns: leavesOf(type) } : undefined;
}

function subscriptionOn(schema: GraphQLSchema, name: string, row: Row): string | undefined {
  const stream = fieldsOf(schema.getSubscriptionType()).find((field) => field.name === name);
  const changes = stream && fieldsOf(getNamedType(stream.type)).find((field) => field.name === 'changes');
  const change = changes && getNamedType(changes.type);
  if (!isInterfaceType(change)) return undefined;
  const key = change.getFields()['key'];
  const parts = schema.getPossibleTypes(change).flatMap((kind) =>
    fieldsOf(kind)
      .filter((field) => getNamedType(field.type) === row.type)
      .map((field) => `... on ${kind.name} { ${field.name} { ${row.columns} } }`),
  );
  const keys = key ? `key { ${leavesOf(getNamedType(key.type))} }` : '';
  return `subscription Live { ${name} { sequence previous reset more changes { op ${keys} ${parts.join(' ')} } } }`;
}

function leavesOf(type: unknown): string {
  return fieldsOf(type)
    .filter((field) => isLeafType(getNamedType(field.type)) && !field.args.some(isRequiredArgument))
    .slice(0, MOST_COLUMNS)
    .map((field) => field.name)
    .join(' ');
}

function fieldsOf(type: unknown): GraphQLField<unknown, unknown>[] {
  const hasFields = type instanceof GraphQLObjectType || type instanceof GraphQLInterfaceType;
  return hasFields ? Object.values(type.getFields()) : [];
}
