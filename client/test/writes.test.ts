// Own writes, whatever happens on the way: in sight at once and without a flicker, made in their order, each with the
// effect of once, and taken back if refused.
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { connect, type Everwire, type Options, type Write } from '../src/index.js';
import { FakeServer, socketClass, type Fate } from './fake.js';
import { ITEMS } from './items.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function open(server: FakeServer, options: Partial<Options> = {}): Everwire {
  return connect({ url: 'ws://fake', webSocket: socketClass(server), ...options });
}

type Step =
  | { readonly kind: 'put' | 'patch' | 'delete'; readonly id: string }
  | { readonly kind: 'cut' | 'pause' | 'resume' }
  | { readonly kind: 'wait'; readonly milliseconds: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('put' as const, 'patch' as const, 'delete' as const),
      id: fc.constantFrom('a', 'b', 'c'),
    }),
  },
  { weight: 2, arbitrary: fc.constantFrom<Step>({ kind: 'cut' }, { kind: 'pause' }, { kind: 'resume' }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), milliseconds: fc.constantFrom(1, 3, 50, 4_000) }),
  },
);
const fate: fc.Arbitrary<Fate> = fc.oneof(
  { weight: 8, arbitrary: fc.constant('arrives' as const) },
  { weight: 3, arbitrary: fc.constantFrom<Fate>('lost', 'repeated', 'late', 'cut') },
);
const refusal = fc.oneof(
  { weight: 8, arbitrary: fc.constant(null) },
  { weight: 2, arbitrary: fc.constantFrom('DATA_CHECK', 'UNAVAILABLE', 'RETRY') },
);

test('in order, with the effect of once, without a flicker', async () => {
  const script = [
    fc.array(step, { maxLength: 20 }),
    fc.array(fate, { maxLength: 30 }),
    fc.array(refusal, { maxLength: 10 }),
  ] as const;
  await fc.assert(
    fc.asyncProperty(...script, async (steps, fates, refusals) => {
      const server = new FakeServer();
      server.commit(['a', 'b'].map((id) => ({ id, to: { text: '0', inside: true } })));
      const client = open(server);
      const items = client.copy(ITEMS);
      await vi.advanceTimersByTimeAsync(10);
      const left = [...fates];
      server.fate = () => left.shift() ?? 'arrives';
      server.refusals = [...refusals];

      const made: { name: string; write: Write }[] = [];
      /** What the last write made of a row. A patch may find none. */
      const wanted = new Map<string, string | undefined>();
      const flickers: string[] = [];
      items.subscribe(() => {
        for (const [id, text] of wanted) {
          // After a refusal the row is what it was before.
          if (made.some(({ write }) => write.key['id'] === id && write.error)) continue;
          const shown = items.get(id)?.text;
          if (shown !== text) flickers.push(`${id}: ${shown} instead of ${text}`);
        }
      });
      for (const [index, one] of steps.entries()) {
        const name = `${index}`;
        if (one.kind === 'put' || one.kind === 'delete') wanted.set(one.id, one.kind === 'put' ? name : undefined);
        if (one.kind === 'patch' && items.get(one.id)) wanted.set(one.id, name);
        if (one.kind === 'put') made.push({ name, write: items.put({ id: one.id, text: name }) });
        else if (one.kind === 'patch') made.push({ name, write: items.patch(one.id, { text: name }) });
        else if (one.kind === 'delete') made.push({ name, write: items.delete(one.id) });
        else if (one.kind === 'cut') for (const socket of [...server.sockets]) socket.cut();
        else if (one.kind === 'pause') client.pause();
        else if (one.kind === 'resume') client.resume();
        await vi.advanceTimersByTimeAsync(one.kind === 'wait' ? one.milliseconds : 0);
      }
      client.resume();
      server.fate = () => 'arrives';
      for (let round = 0; round < 4; round += 1) {
        await vi.advanceTimersByTimeAsync(40_000);
        server.idle();
      }
      await vi.advanceTimersByTimeAsync(10_000);

      expect(client.writes).toEqual([]);
      expect(flickers).toEqual([]);
      expect([...items.rows].map(({ id, text }) => `${id} ${text}`).sort()).toEqual(
        [...server.rows.values()].map(({ id, text }) => `${id} ${text}`).sort(),
      );
      expect(
        made.map(({ write }) => write.status).filter((status) => status !== 'done' && status !== 'refused'),
      ).toEqual([]);
      // A repeated one comes right after itself.
      const effects = server.mutations.filter((one, index) => one !== server.mutations[index - 1]);
      const asked = made
        .filter(({ write }) => !write.error && write.op !== 'delete')
        .map(({ name, write }) => `${write.op} ${String(write.key['id'])} ${name}`);
      expect(effects.filter((one) => asked.includes(one))).toEqual(asked);
      client.close();
    }),
    { numRuns: 200 },
  );
});

test('a create is made again as what it is by now, if the client knows the key', async () => {
  const server = new FakeServer();
  const client = open(server);
  const items = client.copy(ITEMS);
  await vi.advanceTimersByTimeAsync(10);
  const fates: Fate[] = ['cut'];
  server.fate = () => fates.shift() ?? 'arrives';
  const write = items.create({ text: 'new' });
  expect(write.key['id'], 'made by the client').toMatch(/^[0-9a-f-]{36}$/);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(server.mutations.map((one) => one.split(' ')[0])).toEqual(['create', 'put']);
  expect(await write.done).toMatchObject({ text: 'new' });
  expect(items.rows).toEqual([{ id: write.key['id'], text: 'new' }]);
  client.close();
});

test('a create whose key the server makes is not made twice', async () => {
  const server = new FakeServer();
  server.keyScalar = 'BigInt';
  const refused: Write[] = [];
  const client = open(server, { onRefused: (write) => refused.push(write) });
  const items = client.copy(ITEMS);
  await vi.advanceTimersByTimeAsync(10);
  const fates: Fate[] = ['cut'];
  server.fate = () => fates.shift() ?? 'arrives';
  const write = items.create({ text: 'new' });
  expect(String(write.key['id'])).toMatch(/^temporary:/);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(server.mutations.length).toBe(1);
  await expect(write.done).rejects.toMatchObject({ code: 'ANSWER_LOST' });
  expect(refused.map(({ error }) => error?.code)).toEqual(['ANSWER_LOST']);
  expect(
    items.rows.map(({ text }) => text),
    'the stream tells',
  ).toEqual(['new']);
  client.close();
});

test('writes made offline are in sight, wait in their order and are sent when there is a connection', async () => {
  const server = new FakeServer();
  server.commit([{ id: 'a', to: { text: '0', inside: true } }]);
  const client = open(server);
  const items = client.copy(ITEMS);
  await vi.advanceTimersByTimeAsync(10);
  server.isUp = false;
  for (const socket of [...server.sockets]) socket.cut();
  await vi.advanceTimersByTimeAsync(1_000);
  items.patch('a', { text: '1' });
  items.put({ id: 'b', text: '2' });
  items.patch('b', { text: '3' });
  expect(items.rows).toEqual([
    { id: 'a', text: '1' },
    { id: 'b', text: '3' },
  ]);
  expect(client.writes.map(({ op, status }) => `${op} ${status}`)).toEqual([
    'patch waiting',
    'put waiting',
    'patch waiting',
  ]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(server.mutations).toEqual([]);
  server.isUp = true;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(server.mutations).toEqual(['patch a 1', 'put b 2', 'patch b 3']);
  expect(client.writes).toEqual([]);
  expect(items.rows).toEqual([
    { id: 'a', text: '1' },
    { id: 'b', text: '3' },
  ]);
  client.close();
});
