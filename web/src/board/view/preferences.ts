// What this browser remembers of its user: who they are, and whether the wire is in sight. Where nothing can be
// stored it is forgotten with the page.
import { useSyncExternalStore } from 'react';

interface Preferences {
  /** The id of the person who writes here; there is no login in this example. */
  me: string;
  /** Whether the panel of the wire is in sight; unset until somebody chose. */
  wire: boolean | undefined;
}

const NAME = 'everwire:board:preferences';
const listeners = new Set<() => void>();
let preferences: Preferences = { me: '', wire: undefined, ...stored() };

function stored(): Partial<Preferences> {
  try {
    return JSON.parse(localStorage.getItem(NAME) ?? '{}') as Partial<Preferences>;
  } catch {
    return {};
  }
}

export function prefer(change: Partial<Preferences>): void {
  preferences = { ...preferences, ...change };
  try {
    localStorage.setItem(NAME, JSON.stringify(preferences));
  } catch {
    // Full, or forbidden by the user: nothing depends on it.
  }
  listeners.forEach((listener) => listener());
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function usePreferences(): Preferences {
  return useSyncExternalStore(subscribe, () => preferences);
}
