// How does an existing cache follow a subscription? Hands its messages on as they came, each commit whole, each once and in
// order over lost connections and gaps. Where a new copy lacks rows of the old one it adds their DELETEs, so that a cache,
// which starts nothing over, needs to know nothing else. For `everwire/apollo` and `everwire/urql`.
import type { Wire } from './connection.js';
import { complete, type AnyDocument, type TablePlan } from './document.js';
import type { EverwireError } from './error.js';
import { Follow, type Follower } from './follow.js';
import type { Commit, Envelope } from './stream.js';
import { keyText, type Key } from './table.js';

export interface RelaySink {
  next(data: Record<string, unknown>): void;
  error(error: EverwireError): void;
}

interface Change {
  readonly op: 'PUT' | 'PATCH' | 'DELETE';
  readonly key: Key;
}

/** Follows a subscription until the returned function is called. */
export function relay(
  wire: Wire,
  document: AnyDocument,
  variables: Record<string, unknown>,
  sink: RelaySink,
): () => void {
  const plan = complete(document, 'whole');
  /** The keys of the rows in sight, for each list. */
  let held = plan.tables.map(() => new Map<string, Key>());
  const emit = (message: Envelope): void => sink.next({ [plan.root]: message });
  const commit = ({ reset, parts }: Commit): 'applied' => {
    const before = held;
    if (reset !== null) held = plan.tables.map(() => new Map());
    for (const part of parts) for (const [index, table] of plan.tables.entries()) note(held[index], table, part);
    const gone = reset === null ? [] : plan.tables.map((table, index) => vanished(table, before[index], held[index]));
    for (const [index, part] of parts.entries()) {
      if (hasNews(plan.tables, part)) emit(spelled(plan.tables, part, index === 0 ? gone : []));
    }
    return 'applied';
  };
  const follower: Follower = {
    commit,
    changed: () => {
      const { error } = follow.state;
      if (error) sink.error(error);
    },
  };
  const follow = new Follow(wire, plan, variables, follower);
  follow.start(null);
  return () => follow.close();
}

function changes(table: TablePlan, message: Envelope): readonly Change[] {
  return message[table.list] as readonly Change[];
}

function note(held: Map<string, Key> | undefined, table: TablePlan, message: Envelope): void {
  for (const { op, key } of changes(table, message)) {
    const text = keyText(table.key.map((column) => key[column]));
    if (op === 'DELETE') held?.delete(text);
    else held?.set(text, key);
  }
}

function vanished(
  table: TablePlan,
  before = new Map<string, Key>(),
  after = new Map<string, Key>(),
): readonly object[] {
  const gone = [...before].filter(([text]) => !after.has(text));
  return gone.map(([, key]) => ({ __typename: `${table.type}Delete`, op: 'DELETE', key }));
}

/** The message for a cache, which reads no more than the user's document: with what is gone, and a PATCH as the PUT that it is too. */
function spelled(tables: readonly TablePlan[], message: Envelope, gone: readonly (readonly object[])[]): Envelope {
  const lists = tables.map((table, index) => {
    const all = changes(table, message);
    const shown = table.showsPatches
      ? all
      : all.map((change) =>
          change.op === 'PATCH' ? { ...change, op: 'PUT', __typename: `${table.type}Put` } : change,
        );
    return [table.list, [...(gone[index] ?? []), ...shown]] as const;
  });
  return { ...message, ...Object.fromEntries(lists) };
}

/** An idle subscription is told the position now and then: nothing for a cache. */
function hasNews(tables: readonly TablePlan[], message: Envelope): boolean {
  return message.reset !== null || tables.some((table) => changes(table, message).length > 0);
}

/** The rows that a message takes away, as a normalised cache names them. */
export function deleted(message: unknown): readonly { [part: string]: unknown; __typename: string }[] {
  if (typeof message !== 'object' || message === null) return [];
  const lists = Object.values(message).filter((value): value is (Change & { __typename?: string })[] =>
    Array.isArray(value),
  );
  const deletes = lists.flat().filter((change) => change.op === 'DELETE' && change.__typename);
  return deletes.map(({ __typename = '', key }) => ({ ...key, __typename: __typename.slice(0, -'Delete'.length) }));
}
