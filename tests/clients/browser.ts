// A real browser for the tests of the pages, and what a page does besides showing something.
import { existsSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';

const PLACES = [
  process.env['CHROMIUM_BIN'] ?? '',
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];
/** The browser's program, if there is one. */
export const CHROMIUM = PLACES.find((place) => existsSync(place));
if (!CHROMIUM) console.log('Chromium is missing: the pages are not tested. CHROMIUM_BIN names one elsewhere.');

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM ?? '', args: FLAGS });
}

/** Where a picture of the last run is put. */
export function picture(name: string): string {
  return path.join(tmpdir(), `everwire-clients-of-${userInfo().username}`, `${name}.png`);
}

export interface Watched {
  /** Addresses that it asked for something. */
  addresses: string[];
  complaints: string[];
  /** Messages on its sockets, from the server. */
  received: string[];
}

export function watch(page: Page): Watched {
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

/** True for what belongs to the server at `base`, or to the page itself. */
export function isOf(base: string, address: string): boolean {
  const isOwn = new URL(address.replace(/^ws/, 'http')).origin === base;
  return isOwn || address.startsWith('data:') || address.startsWith('blob:');
}
