// Which part of the board is in sight? It stands in the page's address, so that it can be shared, and survives a
// reload. A task that opens is a step in the browser's history; what is typed into the filter is not.
import { useMemo, useSyncExternalStore } from 'react';

export interface View {
  /** A project's slug; '' for all of them. */
  project: string;
  text: string;
  /** A person's id; NOBODY for tasks that nobody does; '' for everyone's. */
  person: string;
  /** A label's id. */
  label: string;
  /** The id of the task whose sheet is open. */
  task: string;
}

export const NOBODY = 'nobody';
const PARTS = ['project', 'text', 'person', 'label', 'task'] as const;
const listeners = new Set<() => void>();

addEventListener('popstate', tell);

function tell(): void {
  listeners.forEach((listener) => listener());
}

function read(search: string): View {
  const given = new URLSearchParams(search);
  const part = (name: keyof View) => given.get(name) ?? '';
  return { project: part('project'), text: part('text'), person: part('person'), label: part('label'), task: part('task') };
}

/** Shows another part. */
export function show(change: Partial<View>): void {
  const view = { ...read(location.search), ...change };
  const given = new URLSearchParams();
  for (const part of PARTS) if (view[part]) given.set(part, view[part]);
  const address = `${location.pathname}${given.size > 0 ? `?${given}` : ''}`;
  if ('task' in change || 'project' in change) history.pushState(null, '', address);
  else history.replaceState(null, '', address);
  tell();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useView(): View {
  const search = useSyncExternalStore(subscribe, () => location.search);
  return useMemo(() => read(search), [search]);
}

export function isFiltered({ text, person, label }: View): boolean {
  return Boolean(text || person || label);
}
