// How does a React component show a copy? Hooks on `useSyncExternalStore`: a component renders anew only when what it reads
// changed. The first copy is waited for by Suspense, a refusal goes to the nearest error boundary.
import {
  createContext,
  createElement,
  useContext,
  useEffect,
  useRef,
  useSyncExternalStore,
  type ReactNode,
} from 'react';
import type { Copy, Everwire, Followed, Sync } from './client.js';
import type { ConnectionState } from './connection.js';
import { parseDocument, type AnyDocument } from './document.js';
import type { FeedState } from './feed.js';
import type { Table } from './table-view.js';
import type { CopyTypes, KeyArgument, SyncTypes, TableTypes, TypedDocument, VariablesArgument } from './types.js';
import type { Write } from './write.js';
import { print } from 'graphql';

const Context = createContext<Everwire | null>(null);

/** Gives the client to the hooks below. */
export function EverwireProvider({ client, children }: { client: Everwire; children?: ReactNode }): ReactNode {
  return createElement(Context.Provider, { value: client }, children);
}

export function useEverwire(): Everwire {
  const client = useContext(Context);
  if (!client) throw new Error('no <EverwireProvider client={…}> around this component');
  return client;
}

/**
 * Follows one table while the component is mounted; components that ask for the same share it. Suspends until there is a
 * whole copy. Read it with `useRows`, `useRow`, `useRowsBy` and `useSelect`.
 */
export function useCopy<Result, Variables>(
  document: AnyDocument & TypedDocument<Result, Variables>,
  ...variables: VariablesArgument<Variables>
): Copy<CopyTypes<Result>> {
  const client = useEverwire();
  return useShared(client, 'copy', document, variables[0], () => client.copy(document, ...variables));
}

/** Follows several tables as one, as `useCopy` does one. */
export function useSync<Result, Variables>(
  document: AnyDocument & TypedDocument<Result, Variables>,
  ...variables: VariablesArgument<Variables>
): Sync<SyncTypes<Result>> {
  const client = useEverwire();
  return useShared(client, 'sync', document, variables[0], () => client.sync(document, ...variables));
}

/** All rows of a table. */
export function useRows<Types extends TableTypes>(table: Table<Types>): readonly Types['row'][] {
  return useSyncExternalStore(
    (listener) => table.subscribe(listener),
    () => table.rows,
    () => table.rows,
  );
}

/** One row. */
export function useRow<Types extends TableTypes>(
  table: Table<Types>,
  key: KeyArgument<Types['key']>,
): Types['row'] | undefined {
  const get = (): Types['row'] | undefined => table.get(key);
  return useSyncExternalStore((listener) => table.subscribe(listener), get, get);
}

/** The rows with this value in a column. */
export function useRowsBy<Types extends TableTypes, Column extends keyof Types['row'] & string>(
  table: Table<Types>,
  column: Column,
  value: Types['row'][Column],
): readonly Types['row'][] {
  const get = (): readonly Types['row'][] => table.by(column, value);
  return useSyncExternalStore((listener) => table.subscribe(listener), get, get);
}

/** Whatever a function makes of a table, or of all of a `Sync`; renders anew when the result is another, part by part. */
export function useSelect<Source extends { subscribe(listener: () => void): () => void }, Selected>(
  source: Source,
  select: (source: Source) => Selected,
): Selected {
  const last = useRef<{ readonly value: Selected } | null>(null);
  const get = (): Selected => {
    const value = select(source);
    if (!last.current || !isSame(last.current.value, value)) last.current = { value };
    return last.current.value;
  };
  return useSyncExternalStore((listener) => source.subscribe(listener), get, get);
}

/** Where a copy stands. */
export function useStatus(followed: Followed): FeedState {
  const get = (): FeedState => followed.state;
  return useSyncExternalStore((listener) => followed.subscribeState(listener), get, get);
}

/** Where the connection stands. */
export function useConnection(): ConnectionState {
  const client = useEverwire();
  const get = (): ConnectionState => client.state;
  return useSyncExternalStore((listener) => client.subscribeState(listener), get, get);
}

/** The own writes that are not done. */
export function useWrites(): readonly Write[] {
  const client = useEverwire();
  const get = (): readonly Write[] => client.writes;
  return useSyncExternalStore((listener) => client.subscribeWrites(listener), get, get);
}

/** A copy that components share. */
interface Shared {
  readonly followed: Followed;
  users: number;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** So long a copy outlives its last component: one that comes next finds it. */
const LINGER = 5_000;
const shared = new WeakMap<Everwire, Map<string, Shared>>();
const texts = new WeakMap<object, string>();

function useShared<Handle extends Followed>(
  client: Everwire,
  kind: 'copy' | 'sync',
  document: AnyDocument,
  variables: unknown,
  create: () => Handle,
): Handle {
  const copies = shared.get(client) ?? new Map<string, Shared>();
  shared.set(client, copies);
  const name = `${kind} ${text(document)} ${JSON.stringify(variables ?? {})}`;
  const entry = copies.get(name) ?? begin(copies, name, create());
  const { followed } = entry;
  useEffect(() => {
    entry.users += 1;
    clearTimeout(entry.timer);
    return () => {
      entry.users -= 1;
      if (entry.users === 0) linger(copies, name, entry);
    };
  }, [copies, name, entry]);
  useSyncExternalStore(
    (listener) => followed.subscribeState(listener),
    () => followed.state.error,
    () => followed.state.error,
  );
  if (followed.state.error) {
    // Whoever tries again gets another; not within this attempt, which React makes twice.
    setTimeout(() => copies.get(name) === entry && copies.delete(name), 100);
    throw followed.state.error;
  }
  // eslint-disable-next-line @typescript-eslint/only-throw-error
  if (!followed.state.ready) throw followed.ready;
  return followed as Handle;
}

function begin(copies: Map<string, Shared>, name: string, followed: Followed): Shared {
  const entry: Shared = { followed, users: 0, timer: undefined };
  copies.set(name, entry);
  // A component that waits is not mounted yet, and perhaps never will be.
  const wait = (): void => {
    if (entry.users === 0) linger(copies, name, entry);
  };
  followed.ready.then(wait, wait);
  return entry;
}

function linger(copies: Map<string, Shared>, name: string, entry: Shared): void {
  clearTimeout(entry.timer);
  entry.timer = setTimeout(() => {
    if (copies.get(name) === entry) copies.delete(name);
    entry.followed.close();
  }, LINGER);
}

function text(document: AnyDocument): string {
  if (typeof document === 'string') return document;
  const known = texts.get(document) ?? print(parseDocument(document));
  texts.set(document, known);
  return known;
}

/** Equal, or arrays or plain objects whose parts are the same. */
function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const names = Object.keys(a);
  const other = b as Record<string, unknown>;
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.is((a as Record<string, unknown>)[name], other[name]))
  );
}
