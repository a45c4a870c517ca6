import { ApolloClient, gql } from '@apollo/client';
import { applied, type Change, type Row } from './list';

/** Follows the rows of a list that was queried with the same filter. */
export function follow(client: ApolloClient, list: string, live: string, variables: { project: string }) {
  return client.subscribe<{ tasks: { reset: string | null; changes: Change[] } }>({ query: gql(live), variables }).subscribe(({ data }) => {
    client.cache.updateQuery<{ tasks: { nodes: Row[] } }>({ query: gql(list), variables }, (cached) =>
      cached && data ? { tasks: { ...cached.tasks, nodes: applied(cached.tasks.nodes, data.tasks.changes) } } : cached,
    );
  });
}
