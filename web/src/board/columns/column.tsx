// One status: its cards in their order, and the field in which a new task is written.
import { useRef, type KeyboardEvent } from 'react';
import { Plus, StatusIcon } from '../look/icons';
import { STATUS_NAMES, type Status, type Task } from '../rows';
import { Card } from './card';
import { Composer } from './composer';
import { useColumnDropping } from './dragging';

interface Props {
  status: Status;
  tasks: readonly Task[];
  /** The names of projects by id, where cards of several are in sight. */
  projectNames: ReadonlyMap<string, string> | undefined;
  lifted: string | undefined;
  /** The card that had the focus last. */
  focused: string | undefined;
  isFiltered: boolean;
  isComposing: boolean;
  onCompose: (status: Status | undefined) => void;
  onCreate: (title: string, status: Status) => void;
  onKey: (event: KeyboardEvent<HTMLElement>, id: string) => void;
  onFocus: (id: string) => void;
}

export function Column(props: Props) {
  const { status, tasks, lifted, focused, isComposing, onCompose } = props;
  const list = useRef<HTMLDivElement>(null);
  const isOver = useColumnDropping(list, status);
  const stop = tasks.some((task) => task.id === focused) ? focused : tasks[0]?.id;
  const name = STATUS_NAMES[status];
  return (
    <section className="column" aria-label={name} data-status={status}>
      <header className="column-head">
        <StatusIcon status={status} />
        <h2>{name}</h2>
        <span className="count">{tasks.length}</span>
        <button className="quiet square" aria-label={`New task in ${name}`} title="New task (N)" onClick={() => onCompose(status)}>
          <Plus />
        </button>
      </header>
      <div ref={list} className={isOver ? 'column-cards is-over' : 'column-cards'}>
        {isComposing && (
          <Composer label={`New task in ${name}`} onCreate={(title) => props.onCreate(title, status)} onClose={() => onCompose(undefined)} />
        )}
        {tasks.map((task) => (
          <Card
            key={task.id}
            task={task}
            project={props.projectNames?.get(task.projectId)}
            isLifted={task.id === lifted}
            isStop={task.id === stop}
            onKey={props.onKey}
            onFocus={props.onFocus}
          />
        ))}
        {tasks.length === 0 && !isComposing && <p className="column-empty">{emptyText(status, props.isFiltered)}</p>}
      </div>
    </section>
  );
}

function emptyText(status: Status, isFiltered: boolean): string {
  if (isFiltered) return 'Nothing here matches the filter.';
  switch (status) {
    case 'TODO':
      return 'Nothing waits. Write a task, or drop one here.';
    case 'DOING':
      return 'Nobody is at work. Drop a task here.';
    case 'DONE':
      return 'Nothing is done yet. Drop a task here.';
  }
}
