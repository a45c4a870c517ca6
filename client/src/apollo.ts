// How does an app with Apollo Client stay exact? A link for its subscriptions: they go on after a lost connection and a gap
// from where they were, and rows that are gone leave the cache. Queries and mutations pass on to the next link.
import { ApolloLink, Observable, type ApolloCache, type StoreObject } from '@apollo/client';
import { OperationTypeNode } from 'graphql';
import type { Everwire } from './client.js';
import { EverwireError } from './error.js';
import { deleted, relay } from './relay.js';

export class EverwireLink extends ApolloLink {
  readonly #client: Everwire;
  readonly #cache: ApolloCache;

  /** The cache is the one of the Apollo client that uses the link. */
  constructor(client: Everwire, cache: ApolloCache) {
    super();
    this.#client = client;
    this.#cache = cache;
  }

  override request(
    operation: ApolloLink.Operation,
    forward: ApolloLink.ForwardFunction,
  ): Observable<ApolloLink.Result> {
    if (operation.operationType !== OperationTypeNode.SUBSCRIPTION) return forward(operation);
    return new Observable((observer) => {
      try {
        return relay(this.#client.wire, operation.query, operation.variables, {
          next: (data) => {
            observer.next({ data });
            this.#evict(data);
          },
          error: (error) => observer.error(error),
        });
      } catch (error) {
        observer.error(error instanceof EverwireError ? error : new Error(String(error)));
        return undefined;
      }
    });
  }

  #evict(data: Record<string, unknown>): void {
    const ids = Object.values(data)
      .flatMap(deleted)
      .map((row) => this.#cache.identify(row as StoreObject));
    for (const id of ids) if (id !== undefined) this.#cache.evict({ id });
  }
}
