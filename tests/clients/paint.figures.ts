// How long from a commit until another window shows it? One window with the whole board; another program moves a task
// between two columns, again and again. The commit's time is the database's (`committedAt`), the paint's the browser's,
// after the frame in which the card stands in its new column; both are of one machine's clock.
import { createClient } from 'graphql-ws';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { Server } from '../../client/test/live/server';
import { launch } from './browser';

const MOVES = 200;
/** Milliseconds between two moves, so that each has frames of its own, and none keeps time with the screen. */
const PAUSE = 60;
const TASK = '30000000-0000-4000-8000-000000000008';

interface Painted {
  painted: number[];
}

/** Notes, for each time that the card comes into another column, when the frame that shows it was painted. */
function notePaints(task: string): void {
  const seen: Painted = { painted: [] };
  Object.assign(globalThis, seen);
  const columnOf = () => document.querySelector(`[data-task="${task}"]`)?.closest('[data-status]')?.getAttribute('data-status');
  let column = columnOf();
  new MutationObserver(() => {
    const now = columnOf();
    if (!now || now === column) return;
    column = now;
    requestAnimationFrame(() => {
      // A task that is posted in a frame runs when the frame is done.
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => seen.painted.push(performance.timeOrigin + performance.now());
      port2.postMessage(null);
    });
  }).observe(document.body, { childList: true, subtree: true });
}

const painted = (page: Page): Promise<number[]> => page.evaluate(() => (globalThis as unknown as Painted).painted);

test('from commit to paint in another window', async () => {
  const [browser, server] = await Promise.all([launch(), Server.start()]);
  const client = createClient({ url: `${server.base.replace('http', 'ws')}/graphql`, webSocketImpl: WebSocket });
  try {
    const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
    await page.goto(`${server.base}/`);
    await page.locator('.wire-button[data-state=live]').waitFor();
    await page.evaluate(notePaints, TASK);
    const commits = client.iterate<{ task: { committedAt: string | null; changes: unknown[] } }>({
      query: `subscription { task(id: "${TASK}") { committedAt changes { op } } }`,
    });
    await commits.next();

    const times: number[] = [];
    for (let move = 0; move < MOVES; move += 1) {
      const status = move % 2 === 0 ? 'DONE' : 'DOING';
      const query = `mutation { patchTask(id: "${TASK}", patch: { status: ${status} }) { id } }`;
      const headers = { 'content-type': 'application/json' };
      await fetch(`${server.base}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query }) });
      const committedAt = await nextCommit(commits);
      await expect.poll(async () => (await painted(page)).length).toBe(move + 1);
      times.push(((await painted(page))[move] ?? Number.NaN) - committedAt);
      await new Promise((resolve) => setTimeout(resolve, PAUSE + Math.random() * PAUSE));
    }
    times.sort((a, b) => a - b);
    const share = (part: number) => times[Math.floor(part * (MOVES - 1))]?.toFixed(1);
    console.log(`commit to paint in another window, ${MOVES} commits: p50 ${share(0.5)} ms, p95 ${share(0.95)} ms, most ${share(1)} ms`);
  } finally {
    await client.dispose();
    await browser.close();
    await server.stop();
  }
});

/** When the next commit that changed the task was made, in milliseconds. */
async function nextCommit(commits: AsyncIterableIterator<{ data?: { task: { committedAt: string | null; changes: unknown[] } } | null | undefined }>): Promise<number> {
  for (;;) {
    const { value } = await commits.next();
    const { committedAt, changes } = value?.data?.task ?? { committedAt: null, changes: [] };
    if (changes.length === 0 || !committedAt) continue;
    // A Date holds whole milliseconds: the rest is in the text.
    const fraction = /\.(\d+)/.exec(committedAt)?.[1] ?? '';
    return Math.floor(Date.parse(committedAt) / 1000) * 1000 + Number(`0.${fraction || 0}`) * 1000;
  }
}
