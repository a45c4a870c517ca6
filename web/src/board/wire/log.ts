// What went over the line? Reads each message into an entry that a person can read: which way, what kind, its position,
// how many PUTs, PATCHes and DELETEs, and how large. Holds the last ones only.
import { useSyncExternalStore } from 'react';
import { client } from '../data';

export type Direction = 'received' | 'sent';
export type Operation = 'PUT' | 'PATCH' | 'DELETE';
export const OPERATIONS: readonly Operation[] = ['PUT', 'PATCH', 'DELETE'];

export interface Entry {
  id: number;
  at: Date;
  direction: Direction;
  /** What it is, in a word or two. */
  kind: string;
  bytes: number;
  sequence?: string;
  /** Of a commit, or of an own write's answer. */
  transaction?: string;
  counts: Record<Operation, number>;
  /** The tasks of a commit's changes. */
  tasks: readonly string[];
  /** The beginning of the message, as it was sent. */
  text: string;
}

interface Log {
  entries: readonly Entry[];
  received: number;
  bytes: number;
  /** The transactions of own writes, as far as they were answered. */
  own: ReadonlySet<string>;
}

interface Change {
  op?: string;
  key?: { id?: string; taskId?: string };
  comment?: { taskId?: string };
}

interface Envelope {
  sequence?: string;
  reset?: string | null;
  more?: boolean;
  transaction?: string | null;
  [list: string]: unknown;
}

const KEPT = 80;
const LONGEST_TEXT = 4_000;
/** What says only that both ends are alive, or that an answer was all, would push out what matters. */
const SILENT = new Set(['ping', 'pong', 'complete']);

let log: Log = { entries: [], received: 0, bytes: 0, own: new Set() };
let next = 1;
const listeners = new Set<() => void>();
const readers = new Set<(entry: Entry) => void>();

function read(direction: Direction, text: string, bytes: number): Entry | undefined {
  const message = parse(text);
  if (!message || SILENT.has(message.type)) return undefined;
  const entry: Entry = {
    id: next++,
    at: new Date(),
    direction,
    kind: message.type.replace('_', ' '),
    bytes,
    counts: { PUT: 0, PATCH: 0, DELETE: 0 },
    tasks: [],
    text: text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)} …` : text,
  };
  if (message.type === 'subscribe') entry.kind = request(message.payload);
  if (message.type === 'next') readNext(entry, message.payload);
  return entry;
}

interface Message {
  type: string;
  payload?: { query?: string; variables?: { since?: string | null }; data?: Record<string, unknown> | null; extensions?: { transaction?: string } };
}

function parse(text: string): Message | undefined {
  try {
    return JSON.parse(text) as Message;
  } catch {
    return undefined;
  }
}

function request(payload: Message['payload']): string {
  const query = payload?.query ?? '';
  if (query.startsWith('mutation')) return 'write';
  if (query.startsWith('query')) return 'query';
  return payload?.variables?.since ? 'go on from' : 'ask for a copy';
}

function readNext(entry: Entry, payload: Message['payload']): void {
  const [envelope] = Object.values(payload?.data ?? {}) as (Envelope | null)[];
  if (!envelope || typeof envelope.sequence !== 'string') {
    entry.kind = payload?.data ? 'answer' : 'refused';
    if (payload?.extensions?.transaction) entry.transaction = payload.extensions.transaction;
    return;
  }
  entry.sequence = envelope.sequence;
  if (envelope.transaction) entry.transaction = envelope.transaction;
  const lists = Object.entries(envelope).filter((part): part is [string, Change[]] => Array.isArray(part[1]));
  for (const [, changes] of lists) for (const { op } of changes) if (isOperation(op)) entry.counts[op]++;
  if (!envelope.reset) entry.tasks = lists.flatMap(([name, changes]) => changes.flatMap((change) => taskOf(name, change) ?? []));
  entry.kind = kindOf(envelope, entry.counts);
}

function kindOf(envelope: Envelope, counts: Entry['counts']): string {
  if (envelope.reset) return envelope.reset === 'START' ? 'copy' : `new copy: ${envelope.reset}`;
  if (envelope.more) return 'part';
  return OPERATIONS.some((op) => counts[op] > 0) ? 'commit' : 'position';
}

function isOperation(op: string | undefined): op is Operation {
  return op === 'PUT' || op === 'PATCH' || op === 'DELETE';
}

function taskOf(list: string, { key, comment }: Change): string | undefined {
  return list === 'tasks' ? key?.id : (key?.taskId ?? comment?.taskId);
}

client.observe((event) => {
  if (event.kind !== 'received' && event.kind !== 'sent') return;
  const entry = read(event.kind, event.text, event.bytes);
  if (!entry) return;
  const isReceived = entry.direction === 'received';
  log = {
    entries: [entry, ...log.entries].slice(0, KEPT),
    received: log.received + (isReceived ? 1 : 0),
    bytes: log.bytes + (isReceived ? entry.bytes : 0),
    own: entry.kind === 'answer' && entry.transaction ? new Set([...log.own, entry.transaction].slice(-KEPT)) : log.own,
  };
  readers.forEach((reader) => reader(entry));
  listeners.forEach((listener) => listener());
});

/** Calls for each entry, before the message takes effect. */
export function onEntry(reader: (entry: Entry) => void): void {
  readers.add(reader);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useLog(): Log {
  return useSyncExternalStore(subscribe, () => log);
}
