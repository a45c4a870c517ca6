// Keys that work anywhere on the page but in a field: / for the filter, N for a new task, W for the wire.
import { useEffect } from 'react';

const newTask = new Set<() => void>();

export function onNewTask(listener: () => void): () => void {
  newTask.add(listener);
  return () => newTask.delete(listener);
}

export function startNewTask(): void {
  newTask.forEach((listener) => listener());
}

/** What a key does, by the key. */
export function useShortcuts(shortcuts: Record<string, () => void>): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isWriting(event.target)) return;
      const act = shortcuts[event.key.toLowerCase()];
      // A dialog has the page to itself.
      if (!act || document.querySelector('dialog:modal')) return;
      event.preventDefault();
      act();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [shortcuts]);
}

function isWriting(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches('input, textarea, select, [contenteditable]');
}
