// The document on the table of the server without a database.
import type { Typed } from './typed.js';

type Change = { __typename?: 'ItemPut'; item: { id: string; text: string } } | { __typename?: 'ItemDelete' };

export const ITEMS = 'subscription { items { changes { ... on ItemPut { item { id text } } } } }' as Typed<
  { items: { changes: Change[] } },
  Record<string, never>
>;
