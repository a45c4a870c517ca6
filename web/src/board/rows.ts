// What a row looks like here: the types that the code generator made of board.graphql.
import type { BoardSubscription } from '../generated/graphql';

type Sync = BoardSubscription['sync'];
/** The row in a list of changes: what its PUT carries under `Name`. */
type RowOf<List extends keyof Sync, Name extends string> =
  Sync[List] extends (infer Change)[] ? (Change extends Record<Name, infer Row> ? Row : never) : never;

export type Project = RowOf<'projects', 'project'>;
export type Person = RowOf<'people', 'person'>;
export type Label = RowOf<'labels', 'label'>;
export type Task = RowOf<'tasks', 'task'>;
export type Comment = RowOf<'comments', 'comment'>;
export type TaskLabel = RowOf<'taskLabels', 'taskLabel'>;
export type Status = Task['status'];

export const STATUSES: readonly Status[] = ['TODO', 'DOING', 'DONE'];
export const STATUS_NAMES: Record<Status, string> = { TODO: 'To do', DOING: 'Doing', DONE: 'Done' };

export const PRIORITIES = [0, 1, 2, 3, 4, 5] as const;
export const PRIORITY_NAMES = ['Whenever', 'Low', 'Normal', 'Raised', 'High', 'At once'] as const;

export function priorityName(priority: number): string {
  return PRIORITY_NAMES[priority] ?? String(priority);
}
