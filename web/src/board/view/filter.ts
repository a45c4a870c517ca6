// Which tasks are in sight? Those of the chosen project that the filter lets pass, by column, in their order.
import type { Status, Task, TaskLabel } from '../rows';
import { byPlace } from '../places';
import { NOBODY, type View } from './address';

interface Rows {
  tasks: readonly Task[];
  taskLabels: readonly TaskLabel[];
}

export function inSight(rows: Rows, projectId: string | undefined, view: View): Record<Status, readonly Task[]> {
  const bearers = view.label ? bearersOf(rows.taskLabels, view.label) : undefined;
  const words = view.text.toLocaleLowerCase().split(/\s+/u).filter(Boolean);
  const lists: Record<Status, Task[]> = { TODO: [], DOING: [], DONE: [] };
  for (const task of rows.tasks) {
    if (projectId && task.projectId !== projectId) continue;
    if (view.person && (task.assigneeId ?? NOBODY) !== view.person) continue;
    if (bearers && !bearers.has(task.id)) continue;
    if (!words.every((word) => contains(task, word))) continue;
    lists[task.status].push(task);
  }
  for (const list of Object.values(lists)) list.sort(byPlace);
  return lists;
}

function bearersOf(taskLabels: readonly TaskLabel[], label: string): Set<string> {
  return new Set(taskLabels.filter(({ labelId }) => labelId === label).map(({ taskId }) => taskId));
}

function contains({ title, note }: Task, word: string): boolean {
  return title.toLocaleLowerCase().includes(word) || Boolean(note?.toLocaleLowerCase().includes(word));
}
