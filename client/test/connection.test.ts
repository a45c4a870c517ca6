// When is a connection taken for lost, when is it tried again, and what is said of it meanwhile?
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { connect, type Everwire, type Options } from '../src/index.js';
import { FakeServer, socketClass } from './fake.js';
import { ITEMS } from './items.js';

let server: FakeServer;
const clients: Everwire[] = [];

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
  server.commit([{ id: 'a', to: { text: '1', inside: true } }]);
});
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

function open(options: Partial<Options> = {}): Everwire {
  const client = connect({ url: 'ws://fake', webSocket: socketClass(server), ...options });
  clients.push(client);
  return client;
}

function pass(milliseconds: number): Promise<unknown> {
  return vi.advanceTimersByTimeAsync(milliseconds);
}

test('one that goes on with nothing new is live again, also if the server says nothing', async () => {
  server.isTalkative = false;
  const items = open().copy(ITEMS);
  const seen: string[] = [];
  items.subscribeState(() => seen.at(-1) !== items.state.status && seen.push(items.state.status));
  await pass(50);
  for (const socket of [...server.sockets]) socket.cut();
  await pass(1_000);
  expect(seen).toEqual(['connecting', 'live', 'offline', 'catching up', 'live']);
});

test('a connection that has gone silent is noticed, and replaced', async () => {
  const client = open();
  const items = client.copy(ITEMS);
  await pass(50);
  const [old] = server.sockets;
  old?.freeze();
  await pass(10_000 + 5_000 + 1_000);
  server.commit([{ id: 'a', to: { text: '2', inside: true } }]);
  await pass(100);
  expect(items.get('a')?.text).toBe('2');
  expect(server.sockets.has(old as never)).toBe(false);
});

test('a server that accepts a connection and says nothing is given up, and tried again', async () => {
  server.isMute = true;
  const client = open();
  const items = client.copy(ITEMS);
  await pass(14_000);
  expect(client.state.status).toBe('connecting');
  await pass(2_000);
  expect(client.state).toMatchObject({ status: 'offline', closed: { reason: 'the server does not answer' } });
  server.isMute = false;
  await pass(30_000);
  expect(items.state.status).toBe('live');
});

test('tries again with growing pauses, without end, and at once when the network is back', async () => {
  const listeners = new Map<string, () => void>();
  vi.stubGlobal('addEventListener', (name: string, listener: () => void) => listeners.set(name, listener));
  server.isUp = false;
  const client = open({ longestPause: 4_000 });
  client.copy(ITEMS);
  const attempts: number[] = [];
  client.subscribeState(() => client.state.status === 'offline' && attempts.push(client.state.attempts));
  await pass(60_000);
  expect(client.state).toMatchObject({ status: 'offline', closed: { code: 1006 } });
  expect(client.state.attempts).toBeGreaterThan(12);
  expect(client.state.attempts, 'with pauses').toBeLessThan(40);
  server.isUp = true;
  const due = client.state.nextAttemptAt ?? 0;
  expect(due).toBeGreaterThan(Date.now());
  listeners.get('online')?.();
  await pass(10);
  expect(client.state.status).toBe('online');
});

test('a message that is lost makes everyone go on over another connection', async () => {
  const client = open();
  const copies = [client.copy(ITEMS), client.copy(ITEMS)];
  await pass(50);
  const gaps: string[] = [];
  client.observe((event) => event.kind === 'gap' && gaps.push(event.why));
  const fates: ('lost' | 'arrives')[] = ['lost'];
  server.fate = () => fates.shift() ?? 'arrives';
  server.commit([{ id: 'a', to: { text: '2', inside: true } }]);
  await pass(500);
  expect(gaps.length).toBe(1);
  expect(copies.map((copy) => copy.get('a')?.text)).toEqual(['2', '2']);
  expect(copies.map((copy) => copy.state.reset)).toEqual(['START', 'START']);
  expect(copies.map((copy) => copy.state.gaps)).toEqual(Array(2).fill({ noticed: 1, healed: 1 }));
});

test("an error of a listener is the listener's, not the connection's", async () => {
  const caught: unknown[] = [];
  const catching = (error: unknown): void => void caught.push(error);
  const before = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', catching);
  const client = open();
  const items = client.copy(ITEMS);
  items.subscribe(() => {
    throw new Error('of the listener');
  });
  await pass(50).catch(catching);
  await pass(50).catch(catching);
  expect(items.state.status).toBe('live');
  expect(String(caught[0])).toBe('Error: of the listener');
  process.removeListener('uncaughtException', catching);
  for (const listener of before) process.on('uncaughtException', listener);
});

test('a request that is not answered before the connection is lost is rejected', async () => {
  const client = open();
  const request = client.request('query Key { __type(name: "x") { name } }' as never);
  const outcome = request.then(
    () => 'answered',
    (error: { code: string }) => error.code,
  );
  server.fate = () => 'cut';
  await pass(50);
  expect(await outcome).toBe('LOST');
  server.fate = () => 'arrives';
  const second = client.request('query Key { __type(name: "x") { name } }' as never);
  await pass(5_000);
  expect((await second).data).toMatchObject({ __type: {} });
});
