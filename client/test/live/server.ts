// The program as a user starts it, on a free port, with a Postgres of its own in a folder of its own; it can be killed
// and started again where it was. EVERWIRE_BIN names another binary than cargo's.
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const ROOT = path.resolve(import.meta.dirname, '../../..');
const BUILT = path.join(process.env['CARGO_TARGET_DIR'] ?? 'target', 'debug/everwire');
const BINARY = path.resolve(ROOT, process.env['EVERWIRE_BIN'] ?? BUILT);
const START_LIMIT_MS = 60_000;

export class Server {
  readonly #folder: string;
  #process: ChildProcess | undefined;
  /** `http://127.0.0.1:…`, without a path; the same after another start. */
  base = '';

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async start(): Promise<Server> {
    const folder = await mkdtemp(path.join(tmpdir(), 'everwire-client-'));
    // Postgres never runs as root, but as the user `postgres`, who must get to its data.
    await chmod(folder, 0o755);
    const server = new Server(folder);
    try {
      await server.start();
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  /** Starts the program, again on the same port. */
  async start(): Promise<void> {
    const listen = this.base === '' ? '127.0.0.1:0' : new URL(this.base).host;
    // The last one is what a page has in the tests that need one.
    const settings = [
      'serve',
      '--listen',
      listen,
      '--progress-interval',
      '1',
      '--allowed-origin',
      'http://localhost:3000',
    ];
    const started = spawn(BINARY, settings, { env: this.#env(), stdio: ['ignore', 'ignore', 'pipe'] });
    this.#process = started;
    this.base = await served(started);
    const limit = Date.now() + START_LIMIT_MS;
    while (!(await fetch(`${this.base}/readyz`)).ok) {
      if (Date.now() > limit) throw new Error('/readyz never says so');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** As a crash does it. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async stop(): Promise<void> {
    // A server that was killed has left its Postgres behind: the next one takes it over, and stops it.
    if (this.#process?.signalCode === 'SIGKILL') await this.start();
    await this.#end('SIGTERM');
    await rm(this.#folder, { recursive: true, force: true });
  }

  async databaseUrl(): Promise<string> {
    const { stdout } = await promisify(execFile)(BINARY, ['url'], { env: this.#env() });
    return stdout.trim();
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const running = this.#process;
    if (!running || running.pid === undefined || running.exitCode !== null || running.signalCode !== null) return;
    const exit = once(running, 'exit');
    running.kill(signal);
    await exit;
  }

  /** The environment without what would set up another server than the one for the tests. */
  #env(): NodeJS.ProcessEnv {
    const own = (name: string): boolean => name === 'DATABASE_URL' || name.startsWith('EVERWIRE_');
    const rest = Object.fromEntries(Object.entries(process.env).filter(([name]) => !own(name)));
    return { ...rest, EVERWIRE_DATA_DIR: this.#folder, NO_COLOR: '1' };
  }
}

/** Where the server says that it serves. Its log is shown if it never does. */
function served(server: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const log: string[] = [];
    const fail = (what: string): void => reject(new Error(`${BINARY} ${what}\n${log.join('\n')}`));
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
