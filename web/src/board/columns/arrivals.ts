// Which cards did somebody else change just now? They light up for a moment, so that the eye finds what moved.
import { useSyncExternalStore } from 'react';
import { isUnsent } from '../data';
import { onEntry } from '../wire/log';

const SHOWN_MS = 1_600;
const arrived = new Set<string>();
const listeners = new Set<() => void>();

function arrive(fresh: readonly string[]): void {
  if (fresh.length === 0) return;
  for (const id of fresh) arrived.add(id);
  tell();
  setTimeout(() => {
    for (const id of fresh) arrived.delete(id);
    tell();
  }, SHOWN_MS);
}

// What an own write does is still on its way when its commit comes.
onEntry(({ direction, tasks }) => {
  if (direction === 'received') arrive(tasks.filter((id) => !isUnsent(id)));
});

function tell(): void {
  listeners.forEach((listener) => listener());
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useHasArrived(id: string): boolean {
  return useSyncExternalStore(subscribe, () => arrived.has(id));
}
