// What does a user hold? The client: one connection, the copies that follow over it, and the own writes. The front door.
import {
  Connection,
  type ConnectionOptions,
  type ConnectionState,
  type Response,
  type Wire,
  type WireEvent,
} from './connection.js';
import { complete, parseDocument, type AnyDocument } from './document.js';
import { EverwireError, fromResponse } from './error.js';
import { Feed, type FeedState } from './feed.js';
import { forgiving, type Storage } from './saved.js';
import { Table } from './table-view.js';
import type { CopyTypes, SyncTypes, TableTypes, TypedDocument, VariablesArgument } from './types.js';
import type { Write } from './write.js';
import { Writes } from './writes.js';
import { print } from 'graphql';

export interface Options extends Omit<ConnectionOptions, 'url'> {
  /** The address of `/graphql`, by http or ws; on a page it may be relative to it. */
  readonly url: string | URL;
  /** Where copies and waiting writes outlive the page, such as `indexedDb()` of `everwire/storage`. */
  readonly storage?: Storage | undefined;
  /** Called for each own write that was refused, after it was taken back. */
  readonly onRefused?: ((write: Write) => void) | undefined;
}

/** What all subscriptions that are followed have in common. */
export interface Followed {
  /** Where it stands; the same object as long as nothing changes. */
  readonly state: FeedState;
  /** Calls the listener after each change of the state. */
  subscribeState(listener: () => void): () => void;
  /** Fulfilled when there is a whole copy in sight; rejected when the server refuses the document. */
  readonly ready: Promise<void>;
  /** Milliseconds since the last message; null before the first one. */
  age(): number | null;
  close(): void;
}

/** A live copy of one table's rows. */
export type Copy<Types extends TableTypes = TableTypes> = Table<Types> & Followed;

/** Live copies of several tables that are of one moment. */
export interface Sync<
  Tables extends { [Name in keyof Tables]: TableTypes } = Record<string, TableTypes>,
> extends Followed {
  readonly tables: { readonly [Name in keyof Tables]: Table<Tables[Name]> };
  /** Calls the listener after each commit or own write that changed rows of any table. */
  subscribe(listener: () => void): () => void;
}

export interface Answer<Result> {
  readonly data: Result;
  /** What the stream will say of a mutation. */
  readonly transaction: string | null;
}

export interface Everwire {
  /** Follows one table. */
  copy<Result, Variables>(
    document: AnyDocument & TypedDocument<Result, Variables>,
    ...variables: VariablesArgument<Variables>
  ): Copy<CopyTypes<Result>>;
  /** Follows several tables as one, by a subscription to `sync`. */
  sync<Result, Variables>(
    document: AnyDocument & TypedDocument<Result, Variables>,
    ...variables: VariablesArgument<Variables>
  ): Sync<SyncTypes<Result>>;
  /** Runs one query or mutation over the socket. Not repeated: rejected with LOST if the connection is lost before the answer. */
  request<Result, Variables>(
    document: AnyDocument & TypedDocument<Result, Variables>,
    ...variables: VariablesArgument<Variables>
  ): Promise<Answer<Result>>;
  /** The connection. */
  readonly state: ConnectionState;
  subscribeState(listener: () => void): () => void;
  /** The own writes that are not done, in their order; the same array as long as nothing changes. */
  readonly writes: readonly Write[];
  subscribeWrites(listener: () => void): () => void;
  /** Shows every message on the wire, as it is. */
  observe(observer: (event: WireEvent) => void): () => void;
  /** Cuts the connection as a network would; it is opened again at once. */
  drop(): void;
  /** Stays away from the network until `resume`; own writes wait. */
  pause(): void;
  resume(): void;
  /** Ends everything. */
  close(): void;
  /** For those who build on the connection, as the links for Apollo and urql do. */
  readonly wire: Wire;
}

export function connect(options: Options): Everwire {
  return new EverwireClient(options);
}

class EverwireClient implements Everwire {
  readonly #connection: Connection;
  readonly #writes: Writes;
  readonly #storage: Storage | undefined;
  readonly #feeds = new Set<Feed>();

  constructor(options: Options) {
    const { url, onRefused, ...rest } = options;
    const storage = options.storage && forgiving(options.storage);
    this.#connection = new Connection({ ...rest, url: socketUrl(url) });
    this.#storage = storage;
    this.#writes = new Writes(this.#connection, { storage, refused: (write) => onRefused?.(write) });
  }

  copy<Result, Variables>(
    document: AnyDocument & TypedDocument<Result, Variables>,
    ...[variables]: VariablesArgument<Variables>
  ): Copy<CopyTypes<Result>> {
    const feed = this.#follow(document, variables);
    const [shelf, ...others] = feed.shelves;
    if (!shelf || others.length > 0) {
      feed.close();
      throw new EverwireError('BAD_DOCUMENT', 'a copy is of one table: `sync` takes several');
    }
    return followed(feed, new Table<CopyTypes<Result>>(shelf, this.#writes));
  }

  sync<Result, Variables>(
    document: AnyDocument & TypedDocument<Result, Variables>,
    ...[variables]: VariablesArgument<Variables>
  ): Sync<SyncTypes<Result>> {
    const feed = this.#follow(document, variables);
    const tables = Object.fromEntries(
      feed.shelves.map((shelf) => [shelf.table.plan.list, new Table(shelf, this.#writes)]),
    );
    const subscribe = (listener: () => void): (() => void) => {
      const ends = feed.tables.map((table) => table.subscribe(listener));
      return () => ends.forEach((end) => end());
    };
    return followed(feed, { tables: tables as never, subscribe });
  }

  request<Result, Variables>(
    document: AnyDocument & TypedDocument<Result, Variables>,
    ...[variables]: VariablesArgument<Variables>
  ): Promise<Answer<Result>> {
    const query = print(parseDocument(document));
    return new Promise((resolve, reject) => {
      let detach = (): void => undefined;
      let isDone = false;
      const settle = (act: () => void): void => {
        isDone = true;
        detach();
        act();
      };
      const lost = (): void =>
        settle(() => reject(new EverwireError('LOST', 'the connection was lost before the answer')));
      const answered = ({ data, errors, extensions }: Response): void => {
        if (errors) return settle(() => reject(fromResponse(errors)));
        const transaction = extensions?.['transaction'];
        settle(() =>
          resolve({ data: data as Result, transaction: typeof transaction === 'string' ? transaction : null }),
        );
      };
      const opened = (): void => {
        this.#connection.run(
          { query, variables: (variables ?? {}) as Record<string, unknown> },
          {
            next: answered,
            error: (error) => settle(() => reject(error)),
            complete: () => undefined,
          },
        );
      };
      detach = this.#connection.attach({ opened, lost });
      if (isDone) detach();
    });
  }

  get wire(): Wire {
    return this.#connection;
  }

  get state(): ConnectionState {
    return this.#connection.state;
  }

  subscribeState(listener: () => void): () => void {
    return this.#connection.subscribe(listener);
  }

  get writes(): readonly Write[] {
    return this.#writes.unfinished;
  }

  subscribeWrites(listener: () => void): () => void {
    return this.#writes.subscribe(listener);
  }

  observe(observer: (event: WireEvent) => void): () => void {
    return this.#connection.observe(observer);
  }

  drop(): void {
    this.#connection.drop();
  }

  pause(): void {
    this.#connection.pause();
  }

  resume(): void {
    this.#connection.resume();
  }

  close(): void {
    for (const feed of this.#feeds) feed.close();
    this.#feeds.clear();
    this.#writes.close();
    this.#connection.close();
    this.#storage?.close();
  }

  #follow(document: AnyDocument, variables: unknown): Feed {
    const plan = complete(document);
    const given = (variables ?? {}) as Record<string, unknown>;
    const name = `${plan.query}\n${JSON.stringify(given)}`;
    const feed = new Feed(
      { connection: this.#connection, writes: this.#writes, storage: this.#storage },
      name,
      plan,
      given,
    );
    this.#feeds.add(feed);
    return feed;
  }
}

/** Adds where the feed stands to what is seen of it. */
function followed<Seen extends object>(feed: Feed, seen: Seen): Seen & Followed {
  const age = (): number | null => (feed.state.heardAt === null ? null : Date.now() - feed.state.heardAt);
  return Object.assign(Object.defineProperty(seen, 'state', { get: () => feed.state }), {
    subscribeState: (listener: () => void) => feed.subscribe(listener),
    ready: feed.ready,
    age,
    close: () => feed.close(),
  }) as Seen & Followed;
}

function socketUrl(url: string | URL): string {
  const absolute = new URL(url, globalThis.location?.href);
  return absolute.href.replace(/^http/, 'ws');
}
