// Whatever the network does to the messages: what is called live is exactly what the server had at that position, and
// once the network is well again the copy is the server's present.
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { connect, type Copy } from '../src/index.js';
import { FakeServer, socketClass, type Edit, type Fate } from './fake.js';
import { ITEMS } from './items.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

type Step =
  | { readonly kind: 'commit'; readonly edits: readonly Edit[] }
  | { readonly kind: 'truncate' | 'idle' | 'forget' | 'restore' | 'cut' | 'down' | 'up' }
  | { readonly kind: 'wait'; readonly milliseconds: number };

const edit: fc.Arbitrary<Edit> = fc.record({
  id: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
  to: fc.option(fc.record({ text: fc.constantFrom('1', '2', '3'), inside: fc.boolean() }), { nil: undefined }),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('commit' as const),
      edits: fc.array(edit, { minLength: 1, maxLength: 6 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), milliseconds: fc.constantFrom(1, 10, 100, 1_000) }),
  },
  { weight: 4, arbitrary: fc.constantFrom<Step>({ kind: 'idle' }, { kind: 'cut' }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Step>(
      { kind: 'truncate' },
      { kind: 'forget' },
      { kind: 'restore' },
      { kind: 'down' },
      { kind: 'up' },
    ),
  },
);
const fate: fc.Arbitrary<Fate> = fc.oneof(
  { weight: 6, arbitrary: fc.constant('arrives' as const) },
  { weight: 4, arbitrary: fc.constantFrom<Fate>('lost', 'repeated', 'late', 'cut') },
);

function take(server: FakeServer, step: Step): void {
  switch (step.kind) {
    case 'commit':
      server.commit(step.edits);
      return;
    case 'truncate':
    case 'idle':
    case 'forget':
    case 'restore':
      server[step.kind]();
      return;
    case 'cut':
      for (const socket of [...server.sockets]) socket.cut();
      return;
    case 'down':
      server.isUp = false;
      for (const socket of [...server.sockets]) socket.cut();
      return;
    case 'up':
      server.isUp = true;
      return;
    case 'wait':
      return;
  }
}

function seen(
  copy: Copy<{ row: { id: string; text: string }; key: { id: string }; create: object; put: object; patch: object }>,
): string {
  return copy.rows
    .map(({ id, text }) => `${id} ${text}`)
    .sort()
    .join();
}

function had(server: FakeServer, position: string | null): string {
  const rows = server.states.get(position ?? '');
  if (!rows) return 'nothing that a client can hold';
  return [...rows.values()]
    .map(({ id, text }) => `${id} ${text}`)
    .sort()
    .join();
}

test.each([
  { isNumbered: true, by: 'with the numbers of a connection' },
  { isNumbered: false, by: 'with `previous` alone' },
])('lost, repeated, late, cut: noticed and healed, $by', async ({ isNumbered }) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 25 }),
      fc.array(fate, { maxLength: 40 }),
      fc.boolean(),
      async (steps, fates, isTalkative) => {
        const server = new FakeServer();
        server.isNumbered = isNumbered;
        server.isTalkative = isTalkative;
        server.commit([
          { id: 'a', to: { text: '0', inside: true } },
          { id: 'b', to: { text: '0', inside: true } },
          { id: 'c', to: { text: '0', inside: true } },
        ]);
        const left = [...fates];
        server.fate = () => left.shift() ?? 'arrives';
        const client = connect({ url: 'ws://fake', webSocket: socketClass(server) });
        const copy = client.copy(ITEMS);
        const wrong: string[] = [];
        copy.subscribeState(() => {
          if (copy.state.status !== 'live') return;
          const [here, there] = [seen(copy), had(server, copy.state.position)];
          if (here !== there) wrong.push(`at ${copy.state.position}: ${here}, not ${there}`);
        });
        for (const one of steps) {
          take(server, one);
          await vi.advanceTimersByTimeAsync(one.kind === 'wait' ? one.milliseconds : 0);
        }
        server.fate = () => 'arrives';
        server.isUp = true;
        await vi.advanceTimersByTimeAsync(60_000);
        server.idle();
        await vi.advanceTimersByTimeAsync(60_000);
        server.idle();
        await vi.advanceTimersByTimeAsync(10);
        expect(wrong).toEqual([]);
        expect(copy.state).toMatchObject({ status: 'live', position: server.position });
        expect(copy.state.gaps.healed).toBe(copy.state.gaps.noticed);
        expect(seen(copy)).toEqual(had(server, server.position));
        client.close();
      },
    ),
    { numRuns: 300 },
  );
});
