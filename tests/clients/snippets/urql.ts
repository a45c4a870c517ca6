import { gql } from '@urql/core';
import type { UpdatesConfig } from '@urql/exchange-graphcache';
import { applied, type Change, type Row } from './list';

/** For `cacheExchange({ schema, updates: updates(LIST) })`: the list was queried with the same filter and variables. */
export function updates(list: string): UpdatesConfig {
  return {
    Subscription: {
      tasks: ({ tasks }, _arguments, cache, { variables }) => {
        const { changes } = tasks as unknown as { changes: Change[] };
        cache.updateQuery<{ tasks: { nodes: Row[] } }>({ query: gql(list), variables }, (cached) =>
          cached ? { ...cached, tasks: { ...cached.tasks, nodes: applied(cached.tasks.nodes, changes) } } : cached,
        );
      },
    },
  };
}
