// What does a subscription follow, and what must be asked so that a copy can be kept? Reads the user's document, which says
// only what is to be seen, and completes it: positions, keys, the parts of a PATCH, and `$since`.
import {
  Kind,
  parse,
  print,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';
import { EverwireError } from './error.js';

/** One list of changes in the messages. */
export interface TablePlan {
  /** The name of the list in a message. */
  readonly list: string;
  /** The GraphQL type of a row. */
  readonly type: string;
  /** The name of the row in a PUT: in the message, and in the schema, where it is also an argument of mutations. */
  readonly row: string;
  readonly argument: string;
  /** The columns of the key, in their order. */
  readonly key: readonly string[];
  /** The selected columns: their names in a row, and in the table. */
  readonly columns: ReadonlyMap<string, string>;
  /** Whether the user's document shows PATCHes apart. */
  readonly showsPatches: boolean;
}

/** A completed subscription. */
export interface Plan {
  readonly query: string;
  /** The name of the one root field in `data`. */
  readonly root: string;
  readonly tables: readonly TablePlan[];
}

/** What generators of documents make: a parsed document, or (an object that prints as) its text. */
export type AnyDocument = DocumentNode | string | { toString(): string };

const ENVELOPE = 'sequence previous reset more transaction';

export function parseDocument(document: AnyDocument): DocumentNode {
  if (typeof document === 'object' && 'kind' in document && document.kind === Kind.DOCUMENT) return document;
  return parse(String(document), { noLocation: true });
}

/** The only operation of a document. */
export function operation(document: DocumentNode): OperationDefinitionNode {
  const operations = document.definitions.filter((one) => one.kind === Kind.OPERATION_DEFINITION);
  const [only] = operations;
  if (!only || operations.length > 1) throw wrong('a document has exactly one operation here');
  return only;
}

/** The plan of a subscription: a PATCH brings what changed, or the whole row, as a normalised cache needs it. */
export function complete(text: AnyDocument, rows: 'patched' | 'whole' = 'patched'): Plan {
  const document = parseDocument(text);
  const subscription = operation(document);
  if (subscription.operation !== 'subscription') throw wrong('a copy is made by a subscription');
  const [root, ...others] = subscription.selectionSet.selections;
  if (root?.kind !== Kind.FIELD || others.length > 0 || !root.selectionSet) {
    throw wrong('a subscription that is followed has one root field, written in the operation itself');
  }
  const fragments = new Map(
    document.definitions.flatMap((one) => (one.kind === Kind.FRAGMENT_DEFINITION ? [[one.name.value, one]] : [])),
  );
  const lists = fieldsIn(root.selectionSet, fragments).filter((field) => field.selectionSet);
  if (lists.length === 0) throw wrong('select the changes: `changes { ... on TaskPut { task { … } } }`');
  const planned = lists.map((list) => ({ list, table: planTable(list, fragments) }));
  const added = planned.map(({ list, table }) => addition(list, table.plan, table.fields, rows));
  const completed = withSelections(root, [...selections(ENVELOPE), ...added]);
  return {
    query: print(withSince(document, subscription, completed)),
    root: responseName(root),
    tables: planned.map(({ table }) => table.plan),
  };
}

type Fragments = ReadonlyMap<string, FragmentDefinitionNode>;

interface Planned {
  readonly plan: TablePlan;
  readonly fields: readonly FieldNode[];
}

/** What a list of changes says of its table. */
function planTable(list: FieldNode, fragments: Fragments): Planned {
  const kinds = typed(list.selectionSet, fragments);
  const put = kinds.find(({ type }) => type.endsWith('Put'));
  const name = responseName(list);
  if (!put) throw wrong(`\`${name}\` shows no rows: select them, as in \`... on TaskPut { task { … } }\``);
  const type = put.type.slice(0, -'Put'.length);
  const inside = fieldsIn(put.selection, fragments);
  const rows = inside.filter((field) => field.selectionSet && field.name.value !== 'key');
  const [row] = rows;
  if (!row) throw wrong(`\`... on ${put.type}\` in \`${name}\` selects no row`);
  const unique = new Map<string, FieldNode>();
  const columns = rows.flatMap((one) => fieldsIn(one.selectionSet, fragments));
  for (const column of columns) if (column.name.value !== '__typename') unique.set(responseName(column), column);
  const keys = [...fieldsIn(list.selectionSet, fragments), ...inside].filter((field) => field.name.value === 'key');
  const key = new Set(keys.flatMap((field) => fieldsIn(field.selectionSet, fragments).map((part) => part.name.value)));
  key.delete('__typename');
  const plan: TablePlan = {
    list: name,
    type,
    row: responseName(row),
    argument: row.name.value,
    key: key.size > 0 ? [...key] : ['id'],
    columns: new Map([...unique].map(([response, field]) => [response, field.name.value])),
    showsPatches: kinds.some((kind) => kind.type === `${type}Patch`),
  };
  return { plan, fields: [...unique.values()] };
}

/** The same list once more: GraphQL merges the two, so that what the user wrote stays untouched. */
function addition(
  list: FieldNode,
  plan: TablePlan,
  fields: readonly FieldNode[],
  rows: 'patched' | 'whole',
): FieldNode {
  const columns = fields.map((field) => print(field)).join(' ');
  const patch = columns === '' ? '' : `patch { ${columns} }`;
  const whole = `${plan.row}: ${plan.argument} { __typename ${columns} }`;
  const change = `op key { ${plan.key.join(' ')} } ... on ${plan.type}Patch { changed ${rows === 'patched' ? patch : whole} }`;
  const { selectionSet: _, ...field } = list;
  return {
    ...field,
    selectionSet: {
      kind: Kind.SELECTION_SET,
      selections: selections(rows === 'patched' ? change : `__typename ${change}`),
    },
  };
}

/** With `$since`, from which a subscription that broke off goes on. */
function withSince(document: DocumentNode, old: OperationDefinitionNode, root: FieldNode): DocumentNode {
  const [template] = parse('subscription ($since: Sequence) { root(since: $since) }', { noLocation: true }).definitions;
  if (template?.kind !== Kind.OPERATION_DEFINITION) throw wrong('no template');
  const variables = (old.variableDefinitions ?? []).filter((one) => one.variable.name.value !== 'since');
  const given = (root.arguments ?? []).filter((one) => one.name.value !== 'since');
  const [since] = template.selectionSet.selections;
  const argument = since?.kind === Kind.FIELD ? (since.arguments ?? []) : [];
  const fresh: OperationDefinitionNode = {
    ...old,
    variableDefinitions: [...variables, ...(template.variableDefinitions ?? [])],
    selectionSet: { kind: Kind.SELECTION_SET, selections: [{ ...root, arguments: [...given, ...argument] }] },
  };
  return { ...document, definitions: document.definitions.map((one) => (one === old ? fresh : one)) };
}

/** Every field, those in fragments included. */
function fieldsIn(set: SelectionSetNode | undefined, fragments: Fragments): FieldNode[] {
  return (set?.selections ?? []).flatMap((one): FieldNode[] => {
    if (one.kind === Kind.FIELD) return [one];
    const inner = one.kind === Kind.INLINE_FRAGMENT ? one : fragments.get(one.name.value);
    // A fragment on one kind of change says nothing of the others.
    if (inner?.typeCondition && isKindOfChange(inner.typeCondition.name.value)) return [];
    return fieldsIn(inner?.selectionSet, fragments);
  });
}

function isKindOfChange(type: string): boolean {
  return /.(Put|Patch|Delete)$/.test(type);
}

/** The fragments on a kind of change, at any depth. */
function typed(
  set: SelectionSetNode | undefined,
  fragments: Fragments,
): { type: string; selection: SelectionSetNode }[] {
  const found = (set?.selections ?? []).flatMap((one) => {
    if (one.kind === Kind.FIELD) return [];
    const inner = one.kind === Kind.INLINE_FRAGMENT ? one : fragments.get(one.name.value);
    if (!inner) return [];
    const type = inner.typeCondition?.name.value;
    const nested = typed(inner.selectionSet, fragments);
    return type && isKindOfChange(type) ? [{ type, selection: inner.selectionSet }, ...nested] : nested;
  });
  // Several fragments on one kind are one.
  const merged = new Map<string, SelectionNode[]>();
  for (const { type, selection } of found) merged.set(type, [...(merged.get(type) ?? []), ...selection.selections]);
  return [...merged].map(([type, all]) => ({ type, selection: { kind: Kind.SELECTION_SET, selections: all } }));
}

function withSelections(field: FieldNode, added: readonly SelectionNode[]): FieldNode {
  const own = field.selectionSet?.selections ?? [];
  return { ...field, selectionSet: { kind: Kind.SELECTION_SET, selections: [...own, ...added] } };
}

function selections(text: string): readonly SelectionNode[] {
  return operation(parse(`{ ${text} }`, { noLocation: true })).selectionSet.selections;
}

function responseName(field: FieldNode): string {
  return field.alias?.value ?? field.name.value;
}

function wrong(message: string): EverwireError {
  return new EverwireError('BAD_DOCUMENT', message);
}
