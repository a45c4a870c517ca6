// How is a write said in GraphQL? Everwire's names follow from the type of a row; the types of a key's columns are asked
// for once. Makes documents and reads answers; sends nothing by itself.
import type { Request } from './connection.js';
import type { SavedWrite } from './saved.js';

/** A column of a key, with its scalar. */
export interface KeyColumn {
  readonly name: string;
  readonly scalar: string;
}

/** Asks of what a key consists. */
export function keyQuestion(type: string): Request {
  const query = 'query Key($name: String!) { __type(name: $name) { fields { name type { name ofType { name } } } } }';
  return { query, variables: { name: `${type}Key` } };
}

interface KeyAnswer {
  readonly __type: {
    readonly fields: readonly {
      readonly name: string;
      readonly type: { readonly name: string | null; readonly ofType: { readonly name: string } | null };
    }[];
  } | null;
}

export function readKey(data: unknown): readonly KeyColumn[] {
  const fields = (data as KeyAnswer | null)?.__type?.fields ?? [];
  return fields.map(({ name, type }) => ({ name, scalar: type.ofType?.name ?? type.name ?? 'ID' }));
}

/** The mutation that makes a write. */
export function mutation(write: SavedWrite, op: SavedWrite['op'], key: readonly KeyColumn[]): Request {
  const { type, argument, values } = write;
  const columns = write.columns.map(([name, column]) => (name === column ? name : `${name}: ${column}`));
  const row = `{ ${columns.length > 0 ? columns.join(' ') : '__typename'} }`;
  if (op === 'create' || op === 'put') {
    const input = `${type}${op === 'create' ? 'Create' : 'Put'}Input`;
    return {
      query: `mutation ($row: ${input}!) { ${op}${type}(${argument}: $row) ${row} }`,
      variables: { row: values },
    };
  }
  const declared = key.map(({ name, scalar }) => `$key_${name}: ${scalar}!`);
  const given = key.map(({ name }) => `${name}: $key_${name}`);
  const variables = Object.fromEntries(key.map(({ name }) => [`key_${name}`, write.key[name]]));
  if (op === 'delete') {
    return {
      query: `mutation (${declared.join(', ')}) { delete${type}(${given.join(', ')}) { __typename } }`,
      variables,
    };
  }
  const query = `mutation (${[...declared, `$patch: ${type}PatchInput!`].join(', ')}) { patch${type}(${[...given, 'patch: $patch'].join(', ')}) ${row} }`;
  return { query, variables: { ...variables, patch: values } };
}
