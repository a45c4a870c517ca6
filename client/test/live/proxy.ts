// A network between client and server that can be cut at any byte.
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';

export class Proxy {
  readonly #server: Server;
  readonly #target: URL;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  /** So many bytes from the server arrive yet; then the connection is cut, and the next one is well. */
  #left = Infinity;
  #cuts = 0;

  private constructor(target: string) {
    this.#target = new URL(target);
    this.#server = createServer((client) => this.#join(client));
  }

  static async start(target: string): Promise<Proxy> {
    const proxy = new Proxy(target);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get base(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get cuts(): number {
    return this.#cuts;
  }

  cutAfter(bytes: number): void {
    this.#left = bytes;
  }

  stop(): void {
    this.#server.close();
    this.#cut();
  }

  #join(client: Socket): void {
    const server = connect({ host: this.#target.hostname, port: Number(this.#target.port) });
    const pair = [client, server] as const;
    this.#pairs.add(pair);
    for (const [one, other] of [pair, [server, client] as const]) {
      one.on('error', () => undefined);
      one.on('close', () => {
        other.destroy();
        this.#pairs.delete(pair);
      });
    }
    client.on('data', (data) => server.write(data));
    server.on('data', (data) => {
      client.write(data.subarray(0, Math.min(data.length, this.#left)));
      this.#left -= data.length;
      if (this.#left > 0) return;
      this.#left = Infinity;
      this.#cuts += 1;
      // What was let through still arrives.
      client.end(() => this.#cut());
    });
  }

  #cut(): void {
    for (const [client, server] of this.#pairs) {
      client.destroy();
      server.destroy();
    }
  }
}
