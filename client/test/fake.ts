// A server without a database, and a network that can be told what to do to each message: what the property tests
// run the whole client on. It speaks graphql-transport-ws as far as the client does, and sends what Everwire would for one
// table `items`, of which rows with `inside: true` are followed.

export interface Item {
  readonly id: string;
  readonly text: string;
  readonly inside: boolean;
}

/** What the network does to the next message of a subscription. */
export type Fate = 'arrives' | 'lost' | 'repeated' | 'late' | 'cut';

export interface Edit {
  readonly id: string;
  /** Undefined: the row is deleted. */
  readonly to: { readonly text: string; readonly inside: boolean } | undefined;
}

interface Change {
  op: 'PUT' | 'PATCH' | 'DELETE';
  key: { id: string };
  item?: { id: string; text: string };
  changed?: string[];
  patch?: Partial<Item>;
}

interface Logged {
  readonly begin: number;
  readonly transaction: string;
  readonly changes: readonly Change[];
  readonly reset: string | null;
}

interface Message {
  readonly sequence: string;
  readonly previous: string | null;
  readonly reset: string | null;
  readonly more: boolean;
  readonly transaction: string | null;
  readonly changes: readonly Change[];
}

type Frame = { readonly type: string; readonly id?: string; readonly payload?: unknown };

const PART = 2;

export class FakeServer {
  readonly sockets = new Set<FakeSocket>();
  /** Decided for each message of a subscription as it is sent. */
  fate: () => Fate = () => 'arrives';
  /** Whether messages carry their numbers: without, only `previous` tells of a loss. */
  isNumbered = true;
  /** Whether a subscription that goes on with nothing new is told so at once. */
  isTalkative = true;
  /** Whether new connections are accepted and then not answered. */
  isMute = false;
  /** Whether connections are accepted. */
  isUp = true;
  /** Errors for the next mutations. */
  refusals: (string | null)[] = [];
  keyScalar = 'UUID';
  /** Why subscriptions are refused, if they are. */
  refused: string | null = null;
  /** Mutations, in the order in which they took effect. */
  readonly mutations: string[] = [];
  /** The rows that are followed, as of each position that a client can hold. */
  readonly states = new Map<string, ReadonlyMap<string, Item>>();
  #rows = new Map<string, Item>();
  #epoch = 1;
  #lsn = 1;
  #log: Logged[] = [];
  /** The history begins here. */
  #horizon = 0;
  #transaction = 700;

  constructor() {
    this.#note();
  }

  get rows(): ReadonlyMap<string, Item> {
    return new Map([...this.#rows].filter(([, row]) => row.inside));
  }

  /** How many run. */
  get subscriptions(): number {
    return [...this.sockets].reduce((sum, socket) => sum + socket.subscriptions, 0);
  }

  get position(): string {
    return this.#at(this.#lsn, 0);
  }

  /** One transaction. Returns its number. */
  commit(edits: readonly Edit[]): string {
    const changes = edits.flatMap((edit) => this.#edit(edit));
    this.#transaction += 1;
    const transaction = String(this.#transaction);
    this.#append(changes, transaction, null);
    return transaction;
  }

  truncate(): void {
    this.#rows.clear();
    this.#transaction += 1;
    this.#append([], String(this.#transaction), 'TRUNCATED');
  }

  /** Tells everyone the position. */
  idle(): void {
    this.#lsn += 1;
    this.#note();
    for (const socket of this.sockets) socket.tell();
  }

  /** No longer knows the past. */
  forget(): void {
    this.#log = [];
    this.#horizon = this.#lsn;
  }

  /** Another history: the database was restored from what it is now. */
  restore(): void {
    this.#epoch += 1;
    this.#lsn += 1;
    this.forget();
    this.#note();
    for (const socket of [...this.sockets]) socket.cut();
  }

  /** What a subscription that holds `since` is told. */
  after(since: string | null): Message[] {
    const held = since === null ? undefined : this.#parse(since);
    if (!held || held.epoch !== this.#epoch || held.lsn < this.#horizon) {
      return this.copy(since === null ? 'START' : held?.epoch === this.#epoch ? 'EXPIRED' : 'EPOCH');
    }
    const messages = this.#log.flatMap((logged, index) => this.#messages(logged, this.#log[index - 1]));
    return messages.filter(({ sequence }) => sequence > (since ?? ''));
  }

  copy(reset: string): Message[] {
    const puts = [...this.rows.values()].map(put);
    const parts = split(puts);
    return parts.map((changes, index) => {
      const more = index < parts.length - 1;
      return {
        sequence: more ? this.#at(0, index + 1) : this.position,
        previous: index === 0 ? null : this.#at(0, index),
        reset: index === 0 ? reset : null,
        more,
        transaction: null,
        changes,
      };
    });
  }

  /** An empty message for a subscription that was told everything up to `at`. */
  nothing(at: string): Message {
    return { sequence: this.position, previous: at, reset: null, more: false, transaction: null, changes: [] };
  }

  /** Takes effect at once. */
  mutate(
    query: string,
    variables: Record<string, unknown>,
  ): { data?: unknown; errors?: unknown[]; extensions?: object } {
    const code = this.refusals.shift();
    if (code) return { errors: [{ message: 'refused', extensions: { code } }] };
    const [, op = ''] = /(create|put|patch|delete)Item/.exec(query) ?? [];
    const id = String(variables['key_id'] ?? (variables['row'] as Item | undefined)?.id ?? this.#transaction);
    const old = this.#rows.get(id);
    const given = (variables['row'] ?? variables['patch'] ?? {}) as Partial<Item>;
    const text = given.text ?? old?.text ?? '';
    const inside = given.inside ?? old?.inside ?? true;
    this.mutations.push(`${op} ${id} ${text}`);
    if (op === 'create' && old)
      return { errors: [{ message: 'there already', extensions: { code: 'DATA_CONFLICT' } }] };
    if (op === 'patch' && !old) return { data: { patchItem: null } };
    const transaction = this.commit([{ id, to: op === 'delete' ? undefined : { text, inside } }]);
    const row = op === 'delete' ? (old ?? null) : { id, text };
    return { data: { [`${op}Item`]: row }, extensions: { transaction } };
  }

  #append(changes: readonly Change[], transaction: string, reset: string | null): void {
    const begin = this.#lsn;
    this.#lsn += 1;
    this.#note();
    this.#log.push({ begin, transaction, changes, reset });
    for (const socket of [...this.sockets]) socket.tell();
  }

  #edit({ id, to }: Edit): Change[] {
    const old = this.#rows.get(id);
    if (to) this.#rows.set(id, { id, ...to });
    else this.#rows.delete(id);
    const key = { id };
    const fresh = this.#rows.get(id);
    if (fresh?.inside && old?.inside) {
      return fresh.text === old.text ? [] : [{ op: 'PATCH', key, changed: ['text'], patch: { text: fresh.text } }];
    }
    if (fresh?.inside) return [put(fresh)];
    return old?.inside ? [{ op: 'DELETE', key }] : [];
  }

  #messages({ begin, transaction, changes, reset }: Logged, before: Logged | undefined): Message[] {
    if (changes.length === 0 && !reset) return [];
    const parts = split(changes);
    const sequence = (index: number): string =>
      index < parts.length - 1 ? this.#at(begin, index + 1) : this.#at(begin + 1, 0);
    const first = before ? this.#at(before.begin + 1, 0) : this.#at(begin, 0);
    return parts.map((part, index) => ({
      sequence: sequence(index),
      previous: index === 0 ? first : sequence(index - 1),
      reset: index === 0 ? reset : null,
      more: index < parts.length - 1,
      transaction,
      changes: part,
    }));
  }

  #note(): void {
    this.states.set(this.position, this.rows);
  }

  #at(lsn: number, ordinal: number): string {
    return `${hex(this.#epoch, 8)}.${hex(lsn, 16)}.${hex(ordinal, 8)}`;
  }

  #parse(sequence: string): { epoch: number; lsn: number } {
    const [epoch = '', lsn = ''] = sequence.split('.');
    return { epoch: parseInt(epoch, 16), lsn: parseInt(lsn, 16) };
  }
}

/** With the columns that are asked for. */
function put({ id, text }: Item): Change {
  return { op: 'PUT', key: { id }, item: { id, text } };
}

function hex(value: number, width: number): string {
  return value.toString(16).padStart(width, '0');
}

function split(changes: readonly Change[]): (readonly Change[])[] {
  const parts = [];
  for (let start = 0; start < changes.length; start += PART) parts.push(changes.slice(start, start + PART));
  return parts.length > 0 ? parts : [[]];
}

/** The class that a client takes for `WebSocket`. */
export function socketClass(server: FakeServer): unknown {
  return class extends FakeSocket {
    constructor() {
      super(server);
    }
  };
}

/** One connection, as its client holds it, with what the server knows of it. */
export class FakeSocket {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;
  readonly CONNECTING = 0;
  readonly OPEN = 1;
  readonly CLOSING = 2;
  readonly CLOSED = 3;
  readyState = 0;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number; reason: string; wasClean: boolean }) => void) | null = null;
  onerror: ((event: unknown) => void) | null = null;
  readonly #server: FakeServer;
  /** What each subscription was told last. */
  readonly #told = new Map<string, string>();
  #number = 0;
  #late: Frame[] = [];
  #isFrozen = false;

  constructor(server: FakeServer) {
    this.#server = server;
    setTimeout(() => (server.isUp ? this.#open() : this.cut()), 1);
  }

  get subscriptions(): number {
    return this.#told.size;
  }

  addEventListener(): void {}

  send(text: string): void {
    const frame = JSON.parse(text) as Frame;
    if (this.readyState !== 1 || this.#isFrozen) return;
    if (frame.type === 'connection_init') this.#deliver({ type: 'connection_ack' });
    if (frame.type === 'ping') this.#deliver({ type: 'pong' });
    if (frame.type === 'complete') this.#told.delete(String(frame.id));
    if (frame.type === 'subscribe') setTimeout(() => this.#run(String(frame.id), frame.payload as never), 1);
  }

  close(code = 1000, reason = ''): void {
    this.#close(code, reason);
  }

  /** Nothing comes through any more, and nobody is told. */
  freeze(): void {
    this.#isFrozen = true;
  }

  /** As the network does it. */
  cut(): void {
    this.#close(1006, '');
  }

  /** Sends each subscription what is new. */
  tell(): void {
    for (const [id, told] of [...this.#told]) {
      const messages = this.#server.after(told);
      this.#send(id, messages.length > 0 ? messages : [this.#server.nothing(told)]);
    }
  }

  #open(): void {
    if (this.readyState !== 0) return;
    this.readyState = 1;
    this.#isFrozen = this.#server.isMute;
    this.#server.sockets.add(this);
    this.onopen?.();
  }

  #run(id: string, { query, variables }: { query: string; variables: Record<string, unknown> }): void {
    if (this.readyState !== 1) return;
    if (query.includes('__type(')) {
      const fields = [{ name: 'id', type: { name: null, ofType: { name: this.#server.keyScalar } } }];
      this.#answer(id, { data: { __type: { fields } } });
    } else if (query.startsWith('query')) {
      this.#answer(id, { data: { __typename: 'Query' } });
    } else if (query.startsWith('mutation')) {
      // The fate is that of the answer: the write took effect before.
      this.#answer(id, this.#server.mutate(query, variables));
    } else if (this.#server.refused !== null) {
      const payload = [{ message: this.#server.refused, extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }];
      this.#deliver({ type: 'error', id, payload });
    } else {
      const since = (variables['since'] ?? null) as string | null;
      this.#told.set(id, since ?? this.#server.position);
      const messages = this.#server.after(since);
      const nothing = this.#server.isTalkative ? [this.#server.nothing(since ?? '')] : [];
      this.#send(id, messages.length > 0 ? messages : nothing);
    }
  }

  #send(id: string, messages: readonly Message[]): void {
    for (const message of messages) {
      if (!this.#told.has(id)) return;
      if (!message.more) this.#told.set(id, message.sequence);
      this.#next(id, { data: { items: message } });
    }
  }

  #answer(id: string, payload: object): void {
    this.#next(id, payload);
    this.#deliver({ type: 'complete', id });
  }

  #next(id: string, payload: object): void {
    if (this.readyState !== 1) return;
    this.#number += 1;
    const numbers = { messageId: this.#number, lastMessageId: this.#number - 1 };
    const extensions = {
      ...(payload as { extensions?: object }).extensions,
      ...(this.#server.isNumbered ? numbers : {}),
    };
    const frame = { type: 'next', id, payload: { ...payload, extensions } };
    const fate = this.#server.fate();
    if (fate === 'late') {
      this.#late.push(frame);
      return;
    }
    if (fate === 'cut') return this.cut();
    if (fate !== 'lost') this.#deliver(frame);
    if (fate === 'repeated') this.#deliver(frame);
    const late = this.#late;
    this.#late = [];
    for (const frame of late) this.#deliver(frame);
  }

  #deliver(frame: Frame): void {
    setTimeout(() => {
      if (this.readyState === 1 && !this.#isFrozen) this.onmessage?.({ data: JSON.stringify(frame) });
    }, 0);
  }

  #close(code: number, reason: string): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.#server.sockets.delete(this);
    setTimeout(() => this.onclose?.({ code, reason, wasClean: code === 1000 }), 0);
  }
}
