// @vitest-environment happy-dom
// Components on the server without a database: who renders, and when; waiting, refusals and trying again.
import { act, cleanup, render, screen } from '@testing-library/react';
import { Component, StrictMode, Suspense, type ReactNode } from 'react';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { connect, type Everwire } from '../src/index.js';
import {
  EverwireProvider,
  useConnection,
  useCopy,
  useRow,
  useRows,
  useRowsBy,
  useSelect,
  useStatus,
  useWrites,
} from '../src/react.js';
import { FakeServer, socketClass } from './fake.js';
import { ITEMS } from './items.js';

let server: FakeServer;
let client: Everwire;

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
  server.commit(['a', 'b'].map((id) => ({ id, to: { text: '1', inside: true } })));
  client = connect({ url: 'ws://fake', webSocket: socketClass(server) });
});
afterEach(() => {
  cleanup();
  client.close();
  vi.useRealTimers();
});

/** Lets everything happen that happens within this time. */
function pass(milliseconds = 50): Promise<void> {
  return act(() => vi.advanceTimersByTimeAsync(milliseconds).then(() => undefined));
}

function show(children: ReactNode): void {
  render(
    <StrictMode>
      <EverwireProvider client={client}>
        <Suspense fallback="waiting">{children}</Suspense>
      </EverwireProvider>
    </StrictMode>,
  );
}

function useItems() {
  return useCopy(ITEMS);
}

function text(): string | null {
  return document.body.textContent;
}

test('waits for the copy, then follows it', async () => {
  function List(): ReactNode {
    const rows = useRows(useCopy(ITEMS));
    return rows.map(({ id, text }) => `${id}${text} `);
  }
  show(<List />);
  expect(text()).toBe('waiting');
  await pass();
  expect(text()).toBe('a1 b1 ');
  server.commit([
    { id: 'a', to: undefined },
    { id: 'c', to: { text: '2', inside: true } },
  ]);
  await pass();
  expect(text()).toBe('b1 c2 ');
});

test('only what shows a changed row renders again', async () => {
  const renders: string[] = [];
  function One({ items, id }: { items: ReturnType<typeof useItems>; id: string }): ReactNode {
    renders.push(id);
    return useRow(items, id)?.text;
  }
  function All(): ReactNode {
    const items = useItems();
    renders.push('all');
    return ['a', 'b'].map((id) => <One key={id} items={items} id={id} />);
  }
  function Count(): ReactNode {
    const items = useCopy(ITEMS);
    renders.push('count');
    return useSelect(items, ({ rows }) => rows.filter((row) => row.text === '1').map(({ id }) => id)).length;
  }
  function Bucket(): ReactNode {
    renders.push('bucket');
    return useRowsBy(useCopy(ITEMS), 'text', '1').length;
  }
  render(
    <EverwireProvider client={client}>
      <Suspense fallback="waiting">
        <All />
        <Count />
        <Bucket />
      </Suspense>
    </EverwireProvider>,
  );
  await pass();
  expect(text()).toBe('1122');
  renders.length = 0;
  server.commit([{ id: 'c', to: { text: '2', inside: true } }]);
  await pass();
  expect(renders, 'none shows c').toEqual([]);
  server.commit([{ id: 'b', to: { text: '3', inside: true } }]);
  await pass();
  expect(renders.sort()).toEqual(['b', 'bucket', 'count']);
  expect(text()).toBe('1311');
});

test('own writes, the state and the connection are seen', async () => {
  function Wire(): ReactNode {
    const items = useCopy(ITEMS);
    const { status } = useStatus(items);
    return `${useConnection().status}, ${status}, ${useWrites().length} on the way, ${useRow(items, 'a')?.text}`;
  }
  show(<Wire />);
  await pass();
  expect(text()).toBe('online, live, 0 on the way, 1');
  const items = client.copy(ITEMS);
  await pass();
  act(() => client.pause());
  act(() => void items.patch('a', { text: 'mine' }));
  expect(text()).toBe('paused, offline, 1 on the way, mine');
  act(() => client.resume());
  await pass();
  expect(text()).toBe('online, live, 0 on the way, mine');
});

class Boundary extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };
  static getDerivedStateFromError(error: Error): { error: Error } {
    return { error };
  }
  override render(): ReactNode {
    const again = (): void => this.setState({ error: null });
    return this.state.error ? <button onClick={again}>{this.state.error.message}</button> : this.props.children;
  }
}

test('a refused document goes to the error boundary, and can be tried again', async () => {
  const complaints = vi.spyOn(console, 'error').mockImplementation(() => undefined);
  server.refused = 'the column is gone';
  function List(): ReactNode {
    return useRows(useCopy(ITEMS)).length;
  }
  show(
    <Boundary>
      <List />
    </Boundary>,
  );
  await pass();
  expect(text()).toBe('the column is gone');
  await pass(1_000);
  server.refused = null;
  act(() => screen.getByRole('button').click());
  await pass();
  expect(text()).toBe('2');
  complaints.mockRestore();
});

test('components share a copy, and it is let go of some time after the last one', async () => {
  function List({ name }: { name: string }): ReactNode {
    return `${name}${useRows(useCopy(ITEMS)).length} `;
  }
  const tree = (names: string[]): ReactNode => (
    <EverwireProvider client={client}>
      <Suspense fallback="waiting">
        {names.map((name) => (
          <List key={name} name={name} />
        ))}
      </Suspense>
    </EverwireProvider>
  );
  const { rerender } = render(tree(['x', 'y']));
  await pass();
  expect(text()).toBe('x2 y2 ');
  expect(server.subscriptions).toBe(1);
  rerender(tree([]));
  await pass(1_000);
  rerender(tree(['z']));
  expect(text(), 'no waiting').toBe('z2 ');
  rerender(tree([]));
  await pass(20_000);
  expect(server.subscriptions).toBe(0);
});
