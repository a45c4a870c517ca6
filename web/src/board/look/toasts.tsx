// What must be told beside the board: a write that was refused, with the server's words.
import { useSyncExternalStore } from 'react';
import { Close } from './icons';

interface Toast {
  id: number;
  title: string;
  text: string;
}

const SHOWN_MS = 12_000;
const MOST = 3;
let toasts: readonly Toast[] = [];
let next = 1;
const listeners = new Set<() => void>();

export function toast(title: string, text: string): void {
  const id = next++;
  change([...toasts, { id, title, text }].slice(-MOST));
  setTimeout(() => dismiss(id), SHOWN_MS);
}

function dismiss(id: number): void {
  change(toasts.filter((one) => one.id !== id));
}

function change(to: readonly Toast[]): void {
  toasts = to;
  listeners.forEach((listener) => listener());
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function Toasts() {
  const shown = useSyncExternalStore(subscribe, () => toasts);
  return (
    <div className="toasts" role="alert">
      {shown.map(({ id, title, text }) => (
        <div key={id} className="toast">
          <div>
            <p className="toast-title">{title}</p>
            <p>{text}</p>
          </div>
          <button className="quiet square" aria-label="Dismiss" onClick={() => dismiss(id)}><Close /></button>
        </div>
      ))}
    </div>
  );
}
