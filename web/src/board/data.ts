// The board's copy of the data and what can be done to it. One client for the page: it follows all tables as one, keeps
// the copy in the browser between visits, and sends the page's writes, each of which shows at once.
import { connect, type FeedState, type Write } from 'everwire';
import { useConnection, useRow, useRows, useRowsBy, useStatus } from 'everwire/react';
import { indexedDb } from 'everwire/storage';
import { useMemo, useSyncExternalStore } from 'react';
import {
  BoardDocument,
  type CommentCreateInput,
  type CommentPatchInput,
  type CommentPutInput,
  type TaskCreateInput,
  type TaskLabelCreateInput,
  type TaskLabelPatchInput,
  type TaskLabelPutInput,
  type TaskPatchInput,
  type TaskPutInput,
} from '../generated/graphql';
import { toast } from './look/toasts';
import { place } from './places';
import type { Comment, Label, Person, Project, Status, Task, TaskLabel } from './rows';
import { Line } from './wire/line';

declare module 'everwire' {
  interface Inputs {
    Task: { create: TaskCreateInput; put: TaskPutInput; patch: TaskPatchInput };
    Comment: { create: CommentCreateInput; put: CommentPutInput; patch: CommentPatchInput };
    TaskLabel: { create: TaskLabelCreateInput; put: TaskLabelPutInput; patch: TaskLabelPatchInput };
  }
}

export const client = connect({
  url: '/graphql',
  webSocket: Line,
  storage: indexedDb(),
  longestPause: 5_000,
  onRefused: (write) => toast('The server refused a change', write.error?.message ?? 'It gave no reason.'),
});
const board = client.sync(BoardDocument);
const { projects, people, labels, tasks, comments, taskLabels } = board.tables;

export const useTasks = (): readonly Task[] => useRows(tasks);
export const useTaskLabels = (): readonly TaskLabel[] => useRows(taskLabels);

export function useProjects(): readonly Project[] {
  return useSorted(useRows(projects), byName);
}

export function usePeople(): readonly Person[] {
  return useSorted(useRows(people), byName);
}

export function useLabels(): readonly Label[] {
  return useSorted(useRows(labels), byName);
}

function useSorted<Row>(rows: readonly Row[], order: (a: Row, b: Row) => number): readonly Row[] {
  return useMemo(() => rows.toSorted(order), [rows, order]);
}

const byName = (a: { name: string }, b: { name: string }) => a.name.localeCompare(b.name);
const byTime = (a: Comment, b: Comment) => (a.createdAt && b.createdAt ? a.createdAt.localeCompare(b.createdAt) : a.createdAt ? -1 : 1);

export const useTask = (id: string): Task | undefined => useRow(tasks, id);
/** Nobody has the empty id. */
export const usePerson = (id: string | null | undefined): Person | undefined => useRow(people, id ?? '');

export function useLabelsOf(task: string): readonly Label[] {
  const borne = useRowsBy(taskLabels, 'taskId', task);
  const all = useLabels();
  return useMemo(() => {
    const ids = new Set(borne.map(({ labelId }) => labelId));
    return all.filter(({ id }) => ids.has(id));
  }, [borne, all]);
}

export function useComments(task: string): readonly Comment[] {
  return useSorted(useRowsBy(comments, 'taskId', task), byTime);
}

export function useCommentCount(task: string): number {
  return useRowsBy(comments, 'taskId', task).length;
}

/** Where the board's copy stands. */
export const useStanding = (): FeedState => useStatus(board);
/** Whether this page stays away from the network, because somebody told it to. */
export const useIsCut = (): boolean => useConnection().status === 'paused';

/** True while something that was written on the task here is not confirmed. */
export function isUnsent(task: string): boolean {
  return client.writes.some((write) => taskOf(write) === task);
}

const subscribeWrites = (listener: () => void) => client.subscribeWrites(listener);

export function useIsUnsent(task: string): boolean {
  return useSyncExternalStore(subscribeWrites, () => isUnsent(task));
}

function taskOf({ type, key, values }: Write): unknown {
  return type === 'Task' ? key['id'] : (key['taskId'] ?? values['taskId']);
}

interface NewTask {
  title: string;
  status: Status;
  projectId: string;
  authorId: string;
}

/** Writes a new task at the top of its column. */
export function createTask(task: NewTask, column: readonly Task[]): void {
  const [{ position } = { position: 0 }] = place('', column, 0);
  tasks.create({ ...task, position, priority: 2 }, { updatedAt: new Date().toISOString() });
}

export function patchTask({ id }: Task, patch: TaskPatchInput): void {
  tasks.patch(id, patch);
}

/** Moves a task to an index among the other cards of a column. */
export function moveTask(task: Task, status: Status, others: readonly Task[], index: number): void {
  for (const { id, position } of place(task.id, others, index)) {
    tasks.patch(id, id === task.id && status !== task.status ? { status, position } : { position });
  }
}

export function deleteTask({ id }: Task): void {
  tasks.delete(id);
}

export function bear(taskId: string, labelId: string, isBorne: boolean): void {
  if (isBorne) taskLabels.put({ taskId, labelId });
  else taskLabels.delete({ taskId, labelId });
}

export function createComment(comment: { taskId: string; authorId: string; body: string }): void {
  comments.create(comment);
}
