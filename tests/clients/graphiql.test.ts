// GraphiQL in a real browser: it shows data and follows changes, asks nobody else, and complains of nothing.
import { existsSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BASE, connect, createProject, createTask, HTTP, SOCKET } from './board';

const PLACES = [
  process.env['CHROMIUM_BIN'] ?? '',
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];
const CHROMIUM = PLACES.find((place) => existsSync(place));
if (!CHROMIUM) console.log('Chromium is missing: GraphiQL is not tested. CHROMIUM_BIN names one elsewhere.');

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** What the last run looked like. */
const PICTURE = path.join(tmpdir(), `everwire-clients-of-${userInfo().username}`, 'graphiql.png');

/** What a page did besides showing something. */
interface Watched {
  /** Addresses that it asked for something. */
  addresses: string[];
  complaints: string[];
  /** Messages on its sockets, from the server. */
  received: string[];
}

function watch(page: Page): Watched {
  const watched: Watched = { addresses: [], complaints: [], received: [] };
  page.on('request', (request) => watched.addresses.push(request.url()));
  page.on('console', (message) => message.type() === 'error' && watched.complaints.push(message.text()));
  page.on('pageerror', (error) => watched.complaints.push(error.message));
  page.on('websocket', (socket) => {
    watched.addresses.push(socket.url());
    socket.on('framereceived', ({ payload }) => watched.received.push(payload.toString()));
  });
  return watched;
}

function isHere(address: string): boolean {
  const isOwn = address === SOCKET || new URL(address).origin === BASE;
  return isOwn || address.startsWith('data:') || address.startsWith('blob:');
}

function isIdle(message: string): boolean {
  return message.includes('"changes":[]');
}

describe.skipIf(!CHROMIUM)('GraphiQL', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: FLAGS });
  }, 60_000);
  afterAll(() => browser.close());

  test('shows data in the first tab and each change in the second', async () => {
    const database = await connect();
    const project = await createProject(database);
    const id = await createTask(database, project, { title: 'Seen in the copy' });
    const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
    const watched = watch(page);
    // The editor draws only the lines in sight; it knows all of them.
    const response = () =>
      page.evaluate(() => {
        const editor = document.querySelector('.result-window .CodeMirror');
        return (editor as { CodeMirror?: { getValue(): string } } | null)?.CodeMirror?.getValue() ?? '';
      });
    const run = () => page.getByRole('button', { name: /Execute query/ }).click();

    await page.goto(BASE);
    expect(page.url()).toBe(HTTP);
    await run();
    await expect.poll(response).toContain('"name": "Mobile app"');

    // At once, as a quick user would: GraphiQL itself still names the operation of the tab before.
    await page.getByRole('tab', { name: 'Live' }).click();
    await run();
    await expect.poll(response).toContain('Seen in the copy');
    expect(JSON.parse(await response())).toMatchObject({ data: { tasks: { reset: 'START' } } });

    await database.query(`UPDATE task SET title = 'Seen as a change' WHERE id = $1`, [id]);
    await expect.poll(response).toContain('Seen as a change');
    expect(JSON.parse(await response())).toMatchObject({
      data: { tasks: { reset: null, changes: [{ op: 'PATCH', key: { id }, changed: ['title'] }] } },
    });

    // What happens elsewhere only moves the position; what happened here last stays in sight. When the second
    // such message is here, the page has dealt with the first.
    for (const wanted of [1, 2]) {
      await createProject(database);
      await expect.poll(() => watched.received.filter(isIdle).length).toBeGreaterThanOrEqual(wanted);
    }
    expect(await response()).toContain('Seen as a change');

    await page.screenshot({ path: PICTURE });
    expect(watched.addresses.filter((address) => !isHere(address))).toEqual([]);
    expect(watched.complaints).toEqual([]);
  });
});
