// Is there a connection, and did every message of it arrive? Keeps one socket to the server as long as someone wants
// one: opens it again after a loss, with growing pauses and without end, and checks the numbers that its messages carry.
// What runs over it starts anew with each connection; how it goes on is its own business.
import { createClient, type Client } from 'graphql-ws';
import { EverwireError, fromResponse, type ResponseError } from './error.js';
import { Listeners } from './listeners.js';

/** Where a connection stands. `idle`: nobody wants one. */
export type ConnectionStatus = 'idle' | 'connecting' | 'online' | 'offline' | 'paused' | 'closed';

export interface ConnectionState {
  readonly status: ConnectionStatus;
  /** Failed attempts since the last connection. */
  readonly attempts: number;
  /** When the next attempt is due, in milliseconds as of `Date.now()`. */
  readonly nextAttemptAt: number | null;
  /** How the last connection ended, as the server or the network said. */
  readonly closed: { readonly code: number | null; readonly reason: string } | null;
}

export interface ConnectionOptions {
  /** The address of `/graphql`; `http` and `ws` are the same to it. */
  readonly url: string;
  /** Sent with `connection_init`; asked anew for each connection. */
  readonly connectionParams?:
    Record<string, unknown> | (() => Record<string, unknown> | Promise<Record<string, unknown>>) | undefined;
  /** A class in the place of the global `WebSocket`. */
  readonly webSocket?: unknown;
  /** The longest pause between two attempts, in milliseconds. */
  readonly longestPause?: number | undefined;
  /** After so many milliseconds without a message the server is asked whether it is there. */
  readonly keepAlive?: number | undefined;
}

/** What is sent to run one operation. */
export interface Request {
  readonly query: string;
  readonly variables?: Record<string, unknown>;
}

export interface Response {
  readonly data?: Readonly<Record<string, unknown>> | null | undefined;
  readonly errors?: readonly ResponseError[] | undefined;
  readonly extensions?: Readonly<Record<string, unknown>> | undefined;
}

export interface Sink {
  next(response: Response): void;
  /** The operation was refused, or broke off; not called when the connection was lost. */
  error(error: EverwireError): void;
  complete(): void;
}

/** What an operation needs of a connection. */
export interface Wire {
  readonly isOpen: boolean;
  /** Runs an operation on the connection as it is now. Returns what ends it. */
  run(request: Request, sink: Sink): () => void;
  /** Wants a connection from now on, and hears of each. Returns what ends the wish. */
  attach(user: WireUser): () => void;
}

export interface WireUser {
  opened(): void;
  /** `gap`: it was given up since a message on it is missing. */
  lost(cause: Loss): void;
}

export type Loss = 'closed' | 'gap';

/** What an observer sees of the wire. */
export type WireEvent =
  | { readonly kind: 'opened' }
  | { readonly kind: 'closed'; readonly code: number | null; readonly reason: string }
  | { readonly kind: 'received' | 'sent'; readonly text: string; readonly bytes: number }
  | { readonly kind: 'gap'; readonly why: string };

const SHORTEST_PAUSE = 300;
const PONG_LIMIT = 5_000;
/** A server that accepts a connection and says nothing is as good as none. */
const OPEN_LIMIT = 15_000;
const SILENT = 'the server does not answer';
/** A socket that nobody wants any more stays open that long. */
const LINGER = 5_000;
/** Closed on purpose, to be opened again: in the range that is free for programs. */
const DROPPED = 4900;

export class Connection implements Wire {
  readonly #options: ConnectionOptions;
  readonly #users = new Set<WireUser>();
  readonly #listeners = new Listeners();
  readonly #observers = new Listeners<[WireEvent]>();
  #state: ConnectionState = { status: 'idle', attempts: 0, nextAttemptAt: null, closed: null };
  #client: Client | undefined;
  #socket: WebSocket | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** What is waited for in vain when it runs out: the first word of a connection, or a pong. */
  #limit: ReturnType<typeof setTimeout> | undefined;
  /** The number of the last message on this connection. */
  #number = 0;
  /** A message that came a second time. */
  #repeated: unknown;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    globalThis.addEventListener?.('online', this.#hurry);
    globalThis.document?.addEventListener('visibilitychange', this.#hurry);
  }

  get state(): ConnectionState {
    return this.#state;
  }

  get isOpen(): boolean {
    return this.#state.status === 'online';
  }

  subscribe(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  observe(observer: (event: WireEvent) => void): () => void {
    return this.#observers.add(observer);
  }

  attach(user: WireUser): () => void {
    this.#users.add(user);
    if (this.isOpen) user.opened();
    else if (this.#state.status === 'idle') this.#open();
    return () => {
      this.#users.delete(user);
      if (this.#users.size === 0) this.#linger();
    };
  }

  run(request: Request, sink: Sink): () => void {
    const client = this.#client;
    if (!client) throw new EverwireError('LOST', 'there is no connection');
    return client.subscribe(request as never, {
      next: (response) => {
        if (response !== this.#repeated) sink.next(response as Response);
      },
      error: (cause) => {
        // The rest is a lost connection, of which the users are told in order.
        if (Array.isArray(cause)) sink.error(fromResponse(cause as ResponseError[]));
        else if (cause instanceof Error && this.isOpen) sink.error(new EverwireError('INTERNAL', cause.message));
      },
      complete: () => {
        if (client === this.#client) sink.complete();
      },
    });
  }

  /** Closes the socket as if the network had done so; a new one follows. */
  drop(): void {
    this.#drop('closed');
  }

  #drop(cause: Loss): void {
    if (this.#socket?.readyState === 1) this.#socket.close(DROPPED, 'dropped');
    // The server's answer to the close may never come.
    this.#lost(DROPPED, 'dropped', cause);
  }

  /** Stays away from the network until `resume`. */
  pause(): void {
    if (this.#state.status === 'closed' || this.#state.status === 'paused') return;
    this.#end();
    this.#set({ ...this.#state, status: 'paused', attempts: 0, nextAttemptAt: null });
    for (const user of [...this.#users]) user.lost('closed');
  }

  resume(): void {
    if (this.#state.status !== 'paused') return;
    this.#set({ ...this.#state, status: 'idle', attempts: 0, nextAttemptAt: null });
    if (this.#users.size > 0) this.#open();
  }

  close(): void {
    globalThis.removeEventListener?.('online', this.#hurry);
    globalThis.document?.removeEventListener('visibilitychange', this.#hurry);
    this.#end();
    this.#set({ ...this.#state, status: 'closed', attempts: 0, nextAttemptAt: null });
    this.#users.clear();
  }

  #open(): void {
    const { url, connectionParams, webSocket, keepAlive = 10_000 } = this.#options;
    this.#set({ ...this.#state, status: this.#state.attempts > 0 ? 'offline' : 'connecting', nextAttemptAt: null });
    this.#number = 0;
    this.#repeated = undefined;
    const current = (act: () => void) => () => {
      if (client === this.#client) act();
    };
    const client: Client = createClient({
      url,
      connectionParams,
      webSocketImpl: webSocket,
      keepAlive,
      lazy: false,
      // Whoever is attached starts anew by itself, from where it stands by then.
      retryAttempts: 0,
      onNonLazyError: () => undefined,
      on: {
        opened: (socket) => this.#watch(socket as WebSocket),
        connected: () => current(() => this.#opened())(),
        ping: (received) => current(() => !received && this.isOpen && this.#awaitPong())(),
        pong: (received) => current(() => received && clearTimeout(this.#limit))(),
        message: (message) => {
          if (client === this.#client && message.type === 'next') this.#check(message.payload);
        },
        closed: (event) => current(() => this.#lost(closeCode(event), closeReason(event)))(),
      },
    });
    this.#client = client;
    this.#limit = setTimeout(() => this.#lost(null, SILENT), OPEN_LIMIT);
  }

  #opened(): void {
    clearTimeout(this.#limit);
    this.#set({ status: 'online', attempts: 0, nextAttemptAt: null, closed: null });
    this.#emit({ kind: 'opened' });
    for (const user of [...this.#users]) user.opened();
  }

  #lost(code: number | null, reason: string, cause: Loss = 'closed'): void {
    const { status } = this.#state;
    if (status === 'closed' || status === 'paused' || status === 'idle') return;
    this.#end();
    this.#emit({ kind: 'closed', code, reason });
    const { attempts } = this.#state;
    const pause =
      attempts === 0 ? 0 : Math.min(SHORTEST_PAUSE * 2 ** (attempts - 1), this.#options.longestPause ?? 15_000);
    // Apart from each other, so that not all clients come back to a server in the same moment.
    const wait = (code === DROPPED ? 0 : 50) + pause * (0.5 + Math.random() / 2);
    this.#set({
      status: 'offline',
      attempts: attempts + 1,
      nextAttemptAt: Date.now() + wait,
      closed: { code, reason },
    });
    this.#timer = setTimeout(() => this.#attempt(), wait);
    for (const user of [...this.#users]) user.lost(cause);
  }

  #attempt(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#users.size > 0) this.#open();
    else this.#set({ ...this.#state, status: 'idle', attempts: 0, nextAttemptAt: null });
  }

  /** The network is back, or someone looks: no more waiting. */
  readonly #hurry = (): void => {
    if (this.#state.status === 'offline' && this.#timer !== undefined) this.#attempt();
  };

  #linger(): void {
    if (this.#state.status === 'offline') return this.#lingered();
    setTimeout(() => this.#lingered(), LINGER);
  }

  #lingered(): void {
    const { status } = this.#state;
    if (this.#users.size > 0 || status === 'paused' || status === 'closed') return;
    this.#end();
    this.#set({ ...this.#state, status: 'idle', attempts: 0, nextAttemptAt: null });
  }

  #end(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#limit);
    this.#timer = undefined;
    const client = this.#client;
    this.#client = undefined;
    this.#socket = undefined;
    // Rejected where the connection never came about.
    void Promise.resolve(client?.dispose()).catch(() => undefined);
  }

  #awaitPong(): void {
    clearTimeout(this.#limit);
    this.#limit = setTimeout(() => this.#lost(null, SILENT), PONG_LIMIT);
  }

  /** Every `next` of a connection is numbered, over all its operations. */
  #check(payload: unknown): void {
    const { messageId, lastMessageId } = ((payload as Response).extensions ?? {}) as {
      messageId?: number;
      lastMessageId?: number;
    };
    if (messageId === undefined) return;
    if (messageId <= this.#number) {
      this.#repeated = payload;
    } else if (lastMessageId === this.#number && messageId === this.#number + 1) {
      this.#number = messageId;
    } else {
      // Whose it was cannot be told: everyone goes on over another connection, from what they have for certain.
      this.#emit({ kind: 'gap', why: `message ${messageId} follows ${this.#number}` });
      this.#repeated = payload;
      this.#drop('gap');
    }
  }

  #watch(socket: WebSocket): void {
    this.#socket = socket;
    socket.addEventListener('message', ({ data }: MessageEvent<unknown>) => this.#show('received', data));
    const send = socket.send.bind(socket);
    socket.send = (data) => {
      this.#show('sent', data);
      send(data);
    };
  }

  #show(kind: 'received' | 'sent', data: unknown): void {
    if (this.#observers.isEmpty || typeof data !== 'string') return;
    this.#emit({ kind, text: data, bytes: new TextEncoder().encode(data).length });
  }

  #emit(event: WireEvent): void {
    this.#observers.tell(event);
  }

  #set(state: ConnectionState): void {
    this.#state = state;
    this.#listeners.tell();
  }
}

function closeCode(event: unknown): number | null {
  return typeof event === 'object' && event !== null && 'code' in event && typeof event.code === 'number'
    ? event.code
    : null;
}

function closeReason(event: unknown): string {
  return typeof event === 'object' && event !== null && 'reason' in event ? String(event.reason) : '';
}
