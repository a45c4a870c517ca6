// The line between the page and the server: a WebSocket that can be slowed down, and that can lose a message. What it
// does to a message really happens: one that is lost is never seen by the client above.

/** What is being done to the line. */
export interface Disturbance {
  /** Milliseconds that each message takes longer, either way. */
  lag: number;
  /** The next change from the server will be lost. */
  losesNext: boolean;
}

let disturbance: Disturbance = { lag: 0, losesNext: false };
const listeners = new Set<() => void>();

export function onDisturbance(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function currentDisturbance(): Disturbance {
  return disturbance;
}

export function disturb(change: Partial<Disturbance>): void {
  disturbance = { ...disturbance, ...change };
  listeners.forEach((listener) => listener());
}

/** Hands on in order, each after its delay: what was sent later never comes earlier, however the lag changes. */
class Delay {
  #due = 0;
  readonly #waiting = new Set<ReturnType<typeof setTimeout>>();

  after(act: () => void): void {
    const now = performance.now();
    this.#due = Math.max(this.#due, now + disturbance.lag);
    if (this.#due <= now) return act();
    const timer = setTimeout(() => {
      this.#waiting.delete(timer);
      act();
    }, this.#due - now);
    this.#waiting.add(timer);
  }

  clear(): void {
    this.#waiting.forEach(clearTimeout);
    this.#waiting.clear();
  }
}

/** As much of a WebSocket as the client uses. */
export class Line extends EventTarget {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;

  onopen: ((event: Event) => void) | null = null;
  onmessage: ((event: MessageEvent<string>) => void) | null = null;
  onclose: ((event: CloseEvent) => void) | null = null;
  onerror: ((event: Event) => void) | null = null;

  readonly #socket: WebSocket;
  readonly #incoming = new Delay();
  readonly #outgoing = new Delay();

  constructor(url: string, protocols?: string | string[]) {
    super();
    this.#socket = new WebSocket(url, protocols);
    this.#socket.onopen = (event) => this.onopen?.(event);
    this.#socket.onerror = (event) => this.onerror?.(event);
    this.#socket.onmessage = ({ data }: MessageEvent<string>) => this.#incoming.after(() => this.#hear(data));
    this.#socket.onclose = (event) => {
      this.#incoming.clear();
      this.#outgoing.clear();
      this.onclose?.(event);
    };
  }

  get readyState(): number {
    return this.#socket.readyState;
  }

  get protocol(): string {
    return this.#socket.protocol;
  }

  send(data: string): void {
    this.#outgoing.after(() => {
      if (this.readyState === Line.OPEN) this.#socket.send(data);
    });
  }

  close(code?: number, reason?: string): void {
    this.#socket.close(code, reason);
  }

  #hear(data: string): void {
    if (disturbance.losesNext && carriesChange(data)) return disturb({ losesNext: false });
    // Those who watch see a message before it takes effect.
    this.dispatchEvent(new MessageEvent('message', { data }));
    this.onmessage?.(new MessageEvent('message', { data }));
  }
}

/** True for a message of a subscription that changes something, as far as it can be told without reading all of it. */
function carriesChange(text: string): boolean {
  return text.includes('"type":"next"') && /"op":"(PUT|PATCH|DELETE)"/.test(text);
}
