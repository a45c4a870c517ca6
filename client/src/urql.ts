// How does an app with urql stay exact? An exchange for its subscriptions: they go on after a lost connection and a gap from
// where they were; and an updater by which the normalised cache lets go of rows that are gone.
import { subscriptionExchange, type Exchange } from '@urql/core';
import type { Everwire } from './client.js';
import { deleted, relay } from './relay.js';

/** Takes the place of urql's `subscriptionExchange`. */
export function everwireExchange(client: Everwire): Exchange {
  return subscriptionExchange({
    forwardSubscription: (_, { query, variables }) => ({
      subscribe: (observer) => {
        const end = relay(client.wire, query, (variables ?? {}) as Record<string, unknown>, {
          next: (data) => observer.next({ data }),
          error: (error) => observer.error(error),
        });
        return { unsubscribe: end };
      },
    }),
  });
}

/** What the updater needs of graphcache's cache. */
interface Forgetful {
  invalidate(entity: { __typename: string }): void;
}

/** For `updates.Subscription` of graphcache, under each field that is followed: `{ tasks: forget, sync: forget }`. */
export function forget(parent: Readonly<Record<string, unknown>>, _: unknown, cache: Forgetful): void {
  for (const row of Object.values(parent).flatMap(deleted)) cache.invalidate(row);
}
