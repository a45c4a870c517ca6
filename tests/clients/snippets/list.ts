export interface Row {
  id: string;
  title: string;
  priority: number;
}

export type Change =
  | { __typename: 'TaskPut'; key: { id: string }; task: Row }
  | { __typename: 'TaskPatch'; key: { id: string } }
  | { __typename: 'TaskDelete'; key: { id: string } };

/** A list after the changes of one message: without the rows that are gone, with those that are new. */
export function applied(rows: Row[], changes: Change[]): Row[] {
  return changes.reduce((rows, change) => {
    const others = rows.filter(({ id }) => id !== change.key.id);
    if (change.__typename === 'TaskDelete') return others;
    const isNew = change.__typename === 'TaskPut' && others.length === rows.length;
    return isNew ? [...rows, change.task] : rows;
  }, rows);
}
