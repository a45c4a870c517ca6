// What does a copy cost its page? Gives the client ready frames by a socket that is none, so that nothing but the client is
// measured: parsing, checking, applying, one index and one listener. Run by `npm run figures`.
import { connect, type TypedDocument } from '../src/index.js';

interface Task {
  id: string;
  projectId: string;
  title: string;
  status: string;
  priority: number;
  points: string | null;
  due: string | null;
  updatedAt: string;
}

const ROWS = 100_000;
const DOCUMENT = `subscription {
  tasks { changes { ... on TaskPut { task { id projectId title status priority points due updatedAt } } } }
}` as string & TypedDocument<{ tasks: { changes: { __typename?: 'TaskPut'; task: Task }[] } }, Record<string, never>>;

let socket: Socket | undefined;

class Socket {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;
  readyState = 0;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: unknown) => void) | null = null;
  subscription = '';
  #number = 0;

  constructor() {
    socket = this;
    setTimeout(() => {
      this.readyState = 1;
      this.onopen?.();
    });
  }

  addEventListener(): void {}

  send(text: string): void {
    const { type, id, payload } = JSON.parse(text) as { type: string; id: string; payload?: { query: string } };
    if (type === 'connection_init') this.onmessage?.({ data: '{"type":"connection_ack"}' });
    if (payload?.query.startsWith('subscription')) this.subscription = id;
  }

  close(): void {
    this.readyState = 3;
  }

  frame(data: object): string {
    this.#number += 1;
    const extensions = { messageId: this.#number, lastMessageId: this.#number - 1 };
    return JSON.stringify({ id: this.subscription, type: 'next', payload: { data: { tasks: data }, extensions } });
  }
}

const position = (lsn: number): string => `00000001.${lsn.toString(16).padStart(16, '0')}.00000000`;
const part = (ordinal: number): string => `00000001.0000000000000000.${ordinal.toString(16).padStart(8, '0')}`;
const uuid = (number: number): string => `30000000-0000-4000-8000-${String(number).padStart(12, '0')}`;

function task(number: number): Task {
  return {
    id: uuid(number),
    projectId: uuid(number % 100),
    title: `Write down how we handle the thing with number ${number}`,
    status: ['TODO', 'DOING', 'DONE'][number % 3] ?? '',
    priority: number % 5,
    points: String(number % 13),
    due: '2026-11-25',
    updatedAt: '2026-11-25T01:33:24.123456+00:00',
  };
}

function heap(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

async function measure(): Promise<void> {
  const client = connect({ url: 'ws://none', webSocket: Socket });
  const tasks = client.copy(DOCUMENT);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const wire = socket as Socket;
  const feed = (frames: string[]): number => {
    // Of the processor, since other programs run beside this one; the collector's threads included.
    const begin = process.cpuUsage();
    for (const data of frames) wire.onmessage?.({ data });
    const { user, system } = process.cpuUsage(begin);
    return (user + system) / 1000;
  };

  const before = heap();
  let milliseconds = 0;
  const parts = ROWS / 1000;
  for (let index = 0; index < parts; index += 1) {
    const more = index < parts - 1;
    const changes = Array.from({ length: 1000 }, (_, row) => task(index * 1000 + row)).map((row) => ({
      op: 'PUT',
      key: { id: row.id },
      task: row,
    }));
    const sequence = more ? part(index + 1) : position(1);
    milliseconds += feed([
      wire.frame({
        sequence,
        previous: index === 0 ? null : part(index),
        reset: index === 0 ? 'START' : null,
        more,
        transaction: null,
        changes,
      }),
    ]);
  }
  const bytes = heap() - before;
  console.log(`rows in the copy                       ${tasks.size.toLocaleString('en')} of 8 columns`);
  console.log(`time to take them in                   ${milliseconds.toFixed(0)} ms`);
  console.log(
    `memory                                 ${(bytes / 1024 / 1024).toFixed(1)} MiB, ${(bytes / ROWS).toFixed(0)} bytes a row`,
  );
  tasks.by('projectId', uuid(1));
  console.log(`memory with an index                   ${((heap() - before) / 1024 / 1024).toFixed(1)} MiB`);

  let told = 0;
  tasks.subscribe(() => (told += tasks.get(uuid(1))?.priority ?? 0));
  let lsn = 1;
  const commit = (numbers: number[]): string => {
    lsn += 1;
    const changes = numbers.map((number) => ({
      op: 'PATCH',
      key: { id: uuid(number) },
      changed: ['title', 'updatedAt'],
      patch: { ...nothing, title: `Changed ${lsn}`, updatedAt: `2026-11-25T01:33:24.${lsn}+00:00` },
    }));
    return wire.frame({
      sequence: position(lsn),
      previous: position(lsn - 1),
      reset: null,
      more: false,
      transaction: String(lsn),
      changes,
    });
  };
  const nothing = {
    id: null,
    projectId: null,
    title: null,
    status: null,
    priority: null,
    points: null,
    due: null,
    updatedAt: null,
  };
  const single = Array.from({ length: 100_000 }, (_, index) => commit([(index * 7919) % ROWS]));
  console.log(`changes per second, one a commit       ${rate(100_000, feed(single))}`);
  const large = Array.from({ length: 400 }, (_, index) =>
    commit(Array.from({ length: 250 }, (__, row) => (index * 250 + row * 397) % ROWS)),
  );
  console.log(`changes per second, 250 a commit       ${rate(100_000, feed(large))}`);
  if (tasks.state.position !== position(lsn)) throw new Error(`the copy stands at ${tasks.state.position}`);
  client.close();
}

function rate(count: number, milliseconds: number): string {
  return Math.round((count / milliseconds) * 1000).toLocaleString('en');
}

await measure();
process.exit();
