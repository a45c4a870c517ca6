// Sockets of `graphql-ws`, and what Everwire sends on them.
import { createClient, type Client, type ClientOptions } from 'graphql-ws';
import { onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { SOCKET } from './board';

/** One message of a subscription on tasks, as far as the tests select it. */
export interface Changes {
  sequence: string;
  previous: string | null;
  reset: string | null;
  more: boolean;
  transaction: string | null;
  changes: Change[];
}

export interface Change {
  op: 'PUT' | 'PATCH' | 'DELETE';
  key: { id: string };
  changed?: string[];
  task?: { id: string; title: string; status: string };
}

export type Stream<Data> = AsyncIterator<{ data?: Data | null | undefined; errors?: unknown }>;

/** What every message of a connection carries. */
export interface Numbers {
  messageId: number;
  lastMessageId: number;
}

const DOING = `subscription Doing($project: UUID!, $since: Sequence) {
  tasks(where: { projectId: { eq: $project }, status: { eq: DOING } }, since: $since) {
    sequence previous reset more transaction
    changes {
      op
      key { id }
      ... on TaskPut { task { id title status } }
      ... on TaskPatch { changed task { id title status } }
    }
  }
}`;

/** A client that fails instead of connecting again, until the end of the test. */
export function open(options: Partial<ClientOptions> = {}): Client {
  const client = createClient({ url: SOCKET, webSocketImpl: WebSocket, retryAttempts: 0, ...options });
  onTestFinished(() => client.dispose());
  return client;
}

/** The data of the next message, whatever it says. */
export async function next<Data>(stream: Stream<Data>): Promise<Data> {
  const { value, done } = await stream.next();
  if (done || !value.data || value.errors) throw new Error(`no data: ${JSON.stringify(value)}`);
  return value.data;
}

/** Follows the tasks of a project that are being done. `variables` are read anew at each connection. */
export function follow(client: Client, variables: { project: string; since?: string }): Stream<{ tasks: Changes }> {
  return client.iterate<{ tasks: Changes }>({ query: DOING, variables });
}

/** True: nothing happened, the server only tells the position. */
export function isIdle(message: Changes): boolean {
  return message.changes.length === 0 && message.reset === null;
}
