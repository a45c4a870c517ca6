// The board itself: three columns, and how a card gets from one place to another, by pointer and by keyboard.
import { useCallback, useEffect, useMemo, useRef, useState, type KeyboardEvent } from 'react';
import { createTask, moveTask } from '../data';
import { STATUSES, STATUS_NAMES, type Project, type Status, type Task } from '../rows';
import { isFiltered, type View } from '../view/address';
import { cardButton, HOW_TO_MOVE } from './card';
import { Column } from './column';
import { useDrops, type Dropped } from './dragging';
import { carried, described, find, isArrow, neighbour, withLifted, type Lifted, type Lists } from './lifting';
import { onNewTask } from './shortcuts';

interface Props {
  lists: Lists;
  projects: readonly Project[];
  /** The chosen project; undefined: all of them. */
  project: Project | undefined;
  me: string | undefined;
  view: View;
}

export function Columns({ lists, projects, project, me, view }: Props) {
  const [composing, setComposing] = useState<Status>();
  useDrops(useDropped(lists));
  useEffect(() => onNewTask(() => setComposing('TODO')), []);
  const { shown, lifted, focused, said, onKey, onFocus } = useKeyboard(lists);
  const names = useMemo(() => new Map(projects.map(({ id, name }) => [id, name])), [projects]);
  const onCreate = (title: string, status: Status) => {
    const home = project ?? projects.find((one) => !one.archived) ?? projects[0];
    if (home && me) createTask({ title, status, projectId: home.id, authorId: me }, lists[status]);
  };
  return (
    <>
      <p id={HOW_TO_MOVE} className="unseen">Enter opens the task. Space takes it up to move it by the arrow keys.</p>
      <div className="columns">
        {STATUSES.map((status) => (
          <Column
            key={status}
            status={status}
            tasks={shown[status]}
            projectNames={project ? undefined : names}
            lifted={lifted}
            focused={focused}
            isFiltered={isFiltered(view)}
            isComposing={composing === status}
            onCompose={setComposing}
            onCreate={onCreate}
            onKey={onKey}
            onFocus={onFocus}
          />
        ))}
      </div>
      <p className="unseen" role="status">{said}</p>
    </>
  );
}

/** The value of the last drawing, for handlers that must stay the same function. */
function useLatest<T>(value: T) {
  const latest = useRef(value);
  useEffect(() => {
    latest.current = value;
  });
  return latest;
}

function useDropped(lists: Lists): (dropped: Dropped) => void {
  const latest = useLatest(lists);
  return useCallback(
    ({ id, status, beside }) => {
      const task = find(latest.current, id)?.task;
      if (!task) return;
      const others = latest.current[status].filter((other) => other.id !== id);
      const neighbourAt = others.findIndex((other) => other.id === beside?.id);
      const index = beside && neighbourAt >= 0 ? neighbourAt + (beside.side === 'bottom' ? 1 : 0) : others.length;
      put(task, status, others, index, latest.current);
    },
    [latest],
  );
}

/** Writes the new place, unless it is the old one. */
function put(task: Task, status: Status, others: readonly Task[], index: number, lists: Lists): void {
  const before = find(lists, task.id);
  if (before?.status === status && before.index === index) return;
  moveTask(task, status, others, index);
}

function useKeyboard(lists: Lists) {
  const [lifted, setLifted] = useState<Lifted>();
  const [focused, setFocused] = useState<string>();
  const [said, setSaid] = useState('');
  const shown = useMemo(() => withLifted(lists, lifted), [lists, lifted]);
  const latest = useLatest({ lists, lifted });

  // In another column the card is another element: the focus goes after it, also when it is put back.
  const moved = useRef<string>(undefined);
  useEffect(() => {
    if (moved.current) cardButton(moved.current)?.focus();
    moved.current = lifted?.id;
    if (lifted) cardButton(lifted.id)?.focus();
  }, [lifted]);

  const onKey = useCallback(
    (event: KeyboardEvent<HTMLElement>, id: string) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const now = latest.current;
      const carries = now.lifted?.id === id ? now.lifted : undefined;
      const act = carries ? keyWhileCarried(now.lists, carries, event.key) : keyOnCard(now.lists, id, event.key);
      if (!act) return;
      event.preventDefault();
      if (act.focus) cardButton(act.focus)?.focus();
      if ('lifted' in act) setLifted(act.lifted);
      if (act.said) setSaid(act.said);
      if (act.isDropped && carries) drop(now.lists, carries);
    },
    [latest],
  );
  return { shown, lifted: lifted?.id, focused, said, onKey, onFocus: setFocused };
}

interface Act {
  lifted?: Lifted | undefined;
  focus?: string | undefined;
  said?: string;
  isDropped?: boolean;
}

function keyOnCard(lists: Lists, id: string, key: string): Act | undefined {
  if (isArrow(key)) return { focus: neighbour(lists, id, key) };
  const found = key === ' ' ? find(lists, id) : undefined;
  if (!found) return undefined;
  const lifted = { id, status: found.status, index: found.index };
  return { lifted, said: `“${found.task.title}” is taken up. ${described(lists, lifted)}. Arrow keys move it, Space puts it down, Escape puts it back.` };
}

function keyWhileCarried(lists: Lists, lifted: Lifted, key: string): Act | undefined {
  if (isArrow(key)) {
    const next = carried(lists, lifted, key);
    return { lifted: next, said: described(lists, next) };
  }
  if (key === ' ' || key === 'Enter') {
    return { lifted: undefined, isDropped: true, said: `Put down in ${described(lists, lifted)}.` };
  }
  if (key === 'Escape' || key === 'Tab') return { lifted: undefined, said: `Put back to ${STATUS_NAMES[find(lists, lifted.id)?.status ?? lifted.status]}.` };
  return undefined;
}

function drop(lists: Lists, { id, status, index }: Lifted): void {
  const task = find(lists, id)?.task;
  if (!task) return;
  const others = lists[status].filter((other) => other.id !== id);
  put(task, status, others, index, lists);
}
