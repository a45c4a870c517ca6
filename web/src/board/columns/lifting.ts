// Moving a card by keyboard: Space takes it up, arrows carry it, Space or Enter puts it down, Escape puts it back.
// While it is carried only this page shows it elsewhere; where it is put down is one write.
import { STATUSES, STATUS_NAMES, type Status, type Task } from '../rows';

export interface Lifted {
  id: string;
  status: Status;
  index: number;
}

export type Lists = Record<Status, readonly Task[]>;

/** The columns as they look while the card is carried. */
export function withLifted(lists: Lists, lifted: Lifted | undefined): Lists {
  const task = lifted && find(lists, lifted.id)?.task;
  if (!lifted || !task) return lists;
  const shown = { ...lists };
  for (const status of STATUSES) shown[status] = lists[status].filter((other) => other.id !== lifted.id);
  shown[lifted.status] = shown[lifted.status].toSpliced(lifted.index, 0, task);
  return shown;
}

export interface Found {
  task: Task;
  status: Status;
  index: number;
}

export function find(lists: Lists, id: string): Found | undefined {
  for (const status of STATUSES) {
    const index = lists[status].findIndex((task) => task.id === id);
    const task = lists[status][index];
    if (task) return { task, status, index };
  }
  return undefined;
}

export type Arrow = 'ArrowUp' | 'ArrowDown' | 'ArrowLeft' | 'ArrowRight';

export function isArrow(key: string): key is Arrow {
  return key === 'ArrowUp' || key === 'ArrowDown' || key === 'ArrowLeft' || key === 'ArrowRight';
}

/** Where the carried card is after an arrow. `lists` are the columns without it being carried. */
export function carried(lists: Lists, lifted: Lifted, arrow: Arrow): Lifted {
  const others = (status: Status) => lists[status].filter((task) => task.id !== lifted.id).length;
  switch (arrow) {
    case 'ArrowUp':
      return { ...lifted, index: Math.max(0, lifted.index - 1) };
    case 'ArrowDown':
      return { ...lifted, index: Math.min(others(lifted.status), lifted.index + 1) };
    case 'ArrowLeft':
    case 'ArrowRight': {
      const status = beside(lifted.status, arrow);
      return { ...lifted, status, index: Math.min(others(status), lifted.index) };
    }
  }
}

/** The card that has the focus after an arrow, where none is carried. */
export function neighbour(lists: Lists, id: string, arrow: Arrow): string | undefined {
  const found = find(lists, id);
  if (!found) return undefined;
  const { status, index } = found;
  switch (arrow) {
    case 'ArrowUp':
      return lists[status][index - 1]?.id;
    case 'ArrowDown':
      return lists[status][index + 1]?.id;
    case 'ArrowLeft':
    case 'ArrowRight':
      return nearest(lists, status, index, arrow);
  }
}

/** In the next column that way which is not empty. */
function nearest(lists: Lists, from: Status, index: number, arrow: 'ArrowLeft' | 'ArrowRight'): string | undefined {
  const status = beside(from, arrow);
  if (status === from) return undefined;
  const list = lists[status];
  return list[Math.min(index, list.length - 1)]?.id ?? nearest(lists, status, index, arrow);
}

function beside(status: Status, arrow: 'ArrowLeft' | 'ArrowRight'): Status {
  return STATUSES[STATUSES.indexOf(status) + (arrow === 'ArrowLeft' ? -1 : 1)] ?? status;
}

/** What a screen reader is told of the place. */
export function described(lists: Lists, lifted: Lifted): string {
  const others = lists[lifted.status].filter((task) => task.id !== lifted.id).length;
  return `${STATUS_NAMES[lifted.status]}, ${lifted.index + 1} of ${others + 1}`;
}
