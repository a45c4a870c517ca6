// What a cache hears of a subscription: commits, and DELETEs for what a new copy lacks.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { connect } from '../src/index.js';
import { deleted, relay } from '../src/relay.js';
import { FakeServer, socketClass } from './fake.js';
import { ITEMS } from './items.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('a cache hears each change once over a lost connection, and of rows that a new copy lacks', async () => {
  const server = new FakeServer();
  server.commit(['a', 'b'].map((id) => ({ id, to: { text: '1', inside: true } })));
  const client = connect({ url: 'ws://fake', webSocket: socketClass(server) });
  const heard: string[] = [];
  const next = (data: Record<string, unknown>): void => {
    const { changes } = data['items'] as { changes: { op: string; key: { id: string } }[] };
    heard.push(changes.map(({ op, key }) => `${op} ${key.id}`).join());
  };
  const end = relay(client.wire, ITEMS, {}, { next, error: (error) => heard.push(error.code) });
  await vi.advanceTimersByTimeAsync(50);
  server.idle();
  client.pause();
  server.commit([{ id: 'a', to: { text: '2', inside: true } }]);
  client.resume();
  await vi.advanceTimersByTimeAsync(50);
  expect(heard).toEqual(['PUT a,PUT b', 'PUT a']);

  client.pause();
  server.commit([
    { id: 'b', to: undefined },
    { id: 'c', to: { text: '1', inside: true } },
  ]);
  server.forget();
  client.resume();
  await vi.advanceTimersByTimeAsync(50);
  expect(heard.slice(2)).toEqual(['DELETE b,PUT a,PUT c']);
  end();
  server.commit([{ id: 'c', to: undefined }]);
  await vi.advanceTimersByTimeAsync(50);
  expect(heard.length).toBe(3);
  client.close();
});

test('a refused document is an error', async () => {
  const server = new FakeServer();
  server.refused = 'no';
  const client = connect({ url: 'ws://fake', webSocket: socketClass(server) });
  const errors: string[] = [];
  relay(client.wire, ITEMS, {}, { next: () => undefined, error: ({ message }) => errors.push(message) });
  await vi.advanceTimersByTimeAsync(50);
  expect(errors).toEqual(['no']);
  client.close();
});

test('deleted rows are named as a cache names them', () => {
  const changes = [
    { __typename: 'TaskLabelDelete', op: 'DELETE', key: { __typename: 'TaskLabelKey', taskId: '1', labelId: '2' } },
    { __typename: 'TaskLabelPut', op: 'PUT', key: { taskId: '3', labelId: '4' } },
  ];
  expect(deleted({ sequence: '', changes })).toEqual([{ __typename: 'TaskLabel', taskId: '1', labelId: '2' }]);
});
