// What a front-end with a normalised cache sends: a query, and a subscription on the same rows.

/** The tasks of a project that are being done. */
export const BOARD = `query Board($project: UUID!) {
  tasks(where: { projectId: { eq: $project }, status: { eq: DOING } }) {
    nodes { id title priority }
  }
}`;

/** Each change to them. The cache adds `__typename` to what is selected. */
export const LIVE = `subscription Live($project: UUID!) {
  tasks(where: { projectId: { eq: $project }, status: { eq: DOING } }) {
    sequence
    reset
    changes {
      op
      key { id }
      ... on TaskPut { task { id title priority } }
      ... on TaskPatch { changed task { id title priority } }
    }
  }
}`;

export interface Board {
  tasks: { nodes: { id: string; title: string; priority: number }[] };
}

export interface Live {
  tasks: { reset: string | null; changes: { op: string }[] };
}

/** Counts what is asked over HTTP. */
export function countingFetch(): { fetch: typeof fetch; count: () => number } {
  let count = 0;
  const counted: typeof fetch = (input, init) => {
    count += 1;
    return fetch(input, init);
  };
  return { fetch: counted, count: () => count };
}
