// Starts the program as a user would, before the first test, and stops it after the last one: on a free port,
// with a Postgres of its own in a folder of its own. EVERWIRE_BIN names another binary than cargo's.
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';

const ROOT = path.resolve(import.meta.dirname, '../..');
const BUILT = path.join(process.env['CARGO_TARGET_DIR'] ?? 'target', 'debug/everwire');
const BINARY = path.resolve(ROOT, process.env['EVERWIRE_BIN'] ?? BUILT);
const START_LIMIT_MS = 60_000;

declare module 'vitest' {
  interface ProvidedContext {
    /** `http://127.0.0.1:…`, without a path. */
    base: string;
    /** The address of the server's database. */
    databaseUrl: string;
  }
}

/** A running server. */
export interface Running {
  /** `http://127.0.0.1:…`, without a path. */
  base: string;
  stop: () => Promise<void>;
}

/** Starts one more, with these settings. */
export async function serve(settings: string[], env: Record<string, string>): Promise<Running> {
  const all = { ...foreign(process.env), ...env, NO_COLOR: '1' };
  const server = spawn(BINARY, ['serve', '--listen', '127.0.0.1:0', ...settings], { env: all, stdio: ['ignore', 'ignore', 'pipe'] });
  const stop = () => end(server);
  try {
    const base = await served(server);
    await ready(base);
    return { base, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

export default async function start(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(path.join(tmpdir(), 'everwire-clients-'));
  // Postgres never runs as root, but as the user `postgres`, who must get to its data.
  await chmod(folder, 0o755);
  const env = { EVERWIRE_DATA_DIR: folder };
  let server: Running | undefined;
  const stop = async () => {
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    server = await serve(['--progress-interval', '1'], env);
    project.provide('base', server.base);
    project.provide('databaseUrl', (await everwire(['url'], env)).trim());
  } catch (error) {
    await stop();
    throw error;
  }
  return stop;
}

/** What a command of the program prints. */
export async function everwire(parameters: string[], env: Record<string, string>): Promise<string> {
  const { stdout } = await promisify(execFile)(BINARY, parameters, { env: { ...foreign(process.env), ...env } });
  return stdout;
}

/** The environment without what would set up another server than the one for the tests. */
function foreign(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const own = (name: string) => name === 'DATABASE_URL' || name.startsWith('EVERWIRE_');
  return Object.fromEntries(Object.entries(env).filter(([name]) => !own(name)));
}

/** Where the server says that it serves. Its log is shown if it never does. */
function served(server: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const log: string[] = [];
    const fail = (what: string) => reject(new Error(`${BINARY} ${what}\n${log.join('\n')}`));
    const limit = setTimeout(() => fail('does not start'), START_LIMIT_MS).unref();
    server.once('error', (error) => fail(`cannot be run: ${error.message}`));
    server.once('exit', (code) => fail(`ended with ${code}`));
    if (!server.stderr) throw new Error('the log is piped');
    // Read to the end: a full pipe would hold up the server.
    createInterface(server.stderr).on('line', (line) => {
      log.push(line);
      const base = /serving (http:\/\/[^/]+)\/graphql/.exec(line)?.[1];
      if (!base) return;
      clearTimeout(limit);
      resolve(base);
    });
  });
}

async function ready(base: string): Promise<void> {
  const limit = Date.now() + START_LIMIT_MS;
  while (!(await fetch(`${base}/readyz`)).ok) {
    if (Date.now() > limit) throw new Error('/readyz never says so');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function end(server: ChildProcess): Promise<void> {
  if (server.pid === undefined || server.exitCode !== null || server.signalCode !== null) return;
  const exit = once(server, 'exit');
  server.kill('SIGTERM');
  await exit;
}
