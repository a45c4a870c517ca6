// How the page reaches the server: queries and mutations by POST, subscriptions by WebSocket
// (graphql-transport-ws), both at the address that the page itself came from.
import { createGraphiQLFetcher, type Fetcher, type FetcherParams } from '@graphiql/toolkit';
import {
  getIntrospectionQuery,
  Kind,
  parse,
  type DocumentNode,
  type ExecutionResult,
  type IntrospectionQuery,
} from 'graphql';
import { createClient, type Client } from 'graphql-ws';

const URL_HTTP = new URL('/graphql', location.href);
const URL_SOCKET = new URL(URL_HTTP);
URL_SOCKET.protocol = URL_HTTP.protocol === 'https:' ? 'wss:' : 'ws:';

/** Sends one operation by POST. */
export async function post<Data>(query: string): Promise<ExecutionResult<Data>> {
  const response = await fetch(URL_HTTP, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
  });
  return (await response.json()) as ExecutionResult<Data>;
}

export function introspect(): Promise<ExecutionResult<IntrospectionQuery>> {
  return post(getIntrospectionQuery());
}

/** GraphiQL shows the last message only: one that merely tells the position must not take the place of a change. */
function withoutIdle(client: Client): Client {
  const subscribe: Client['subscribe'] = (payload, sink) => {
    let first = true;
    const next: typeof sink.next = (message) => {
      if (first || !isIdle(message.data)) sink.next(message);
      first = false;
    };
    return client.subscribe(payload, { ...sink, next });
  };
  return { ...client, subscribe };
}

/** True: no change and no new start, as far as was asked for. */
function isIdle(data: unknown): boolean {
  const [stream]: ({ changes?: unknown; reset?: unknown } | null)[] = Object.values(data ?? {});
  return Array.isArray(stream?.changes) && stream.changes.length === 0 && !stream.reset;
}

/** Just after a change of tabs GraphiQL still names the operation of the tab before; the only one here is meant. */
function withKnownName(request: FetcherParams, document: DocumentNode | undefined): FetcherParams {
  const operations = document?.definitions.filter((one) => one.kind === Kind.OPERATION_DEFINITION) ?? [];
  const isKnown = operations.some((one) => one.name?.value === request.operationName);
  const [only] = operations;
  return only && operations.length === 1 && !isKnown ? { ...request, operationName: only.name?.value ?? null } : request;
}

function parsed(text: string): DocumentNode | undefined {
  try {
    return parse(text);
  } catch {
    // The server says what is wrong with it.
    return undefined;
  }
}

/** GraphiQL's way to the server. Its first introspection is answered with `known`, where there is one. */
export function createFetcher(known: ExecutionResult<IntrospectionQuery> | undefined): Fetcher {
  let headers: Record<string, unknown> = {};
  const send = createGraphiQLFetcher({
    url: URL_HTTP.href,
    enableIncrementalDelivery: false,
    // The socket opens with a subscription and closes with it, so that the headers of the Headers
    // panel, which a browser cannot put on a socket, go along as its connection_init payload.
    wsClient: withoutIdle(createClient({ url: URL_SOCKET.href, lazy: true, connectionParams: () => headers })),
  });
  return (request, options) => {
    headers = options?.headers ?? {};
    if (known && request.operationName === 'IntrospectionQuery' && Object.keys(headers).length === 0) {
      const { data, errors } = known;
      known = undefined;
      return Promise.resolve({ data: { ...data }, ...(errors && { errors }) });
    }
    // Likewise the document that decides which way to go.
    const document = parsed(request.query);
    return send(withKnownName(request, document), { ...options, ...(document && { documentAST: document }) });
  };
}
