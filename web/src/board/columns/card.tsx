// One task on the board. Draws itself anew only when its own row, its labels, its comments or its person changed.
import { memo, useRef, type KeyboardEvent } from 'react';
import { useCommentCount, useIsUnsent, useLabelsOf, usePerson } from '../data';
import { Avatar } from '../look/avatar';
import { Calendar, PriorityIcon, Speech } from '../look/icons';
import { priorityName, type Task } from '../rows';
import { show } from '../view/address';
import { counted, day, isPast } from '../view/format';
import { useCardDragging } from './dragging';
import { useHasArrived } from './arrivals';

interface Props {
  task: Task;
  /** The project's name, where cards of several are in sight. */
  project: string | undefined;
  isLifted: boolean;
  /** The one card of its column that Tab comes to; arrows lead to the others. */
  isStop: boolean;
  onKey: (event: KeyboardEvent<HTMLElement>, id: string) => void;
  onFocus: (id: string) => void;
}

export const HOW_TO_MOVE = 'how-to-move';

export function cardButton(id: string): HTMLElement | null {
  return document.getElementById(`card-${id}`);
}

export const Card = memo(function Card({ task, project, isLifted, isStop, onKey, onFocus }: Props) {
  const element = useRef<HTMLElement>(null);
  const { isDragged, side } = useCardDragging(element, task.id);
  const isUnsent = useIsUnsent(task.id);
  const hasArrived = useHasArrived(task.id);
  const states = [
    'card',
    isDragged && 'is-dragged',
    isLifted && 'is-lifted',
    side && `drop-${side}`,
    hasArrived && 'has-arrived',
    isUnsent && 'is-unsent',
  ];
  return (
    <article ref={element} className={states.filter(Boolean).join(' ')} data-task={task.id}>
      {project && <p className="card-project">{project}</p>}
      <h3 className="card-title">
        <button
          id={`card-${task.id}`}
          className="card-open"
          tabIndex={isStop ? 0 : -1}
          aria-describedby={HOW_TO_MOVE}
          onClick={() => show({ task: task.id })}
          onKeyDown={(event) => onKey(event, task.id)}
          // Space moves the card; the browser would also press the button when it is released.
          onKeyUp={(event) => event.key === ' ' && event.preventDefault()}
          onFocus={() => onFocus(task.id)}
        >
          {task.title}
        </button>
      </h3>
      <CardLabels id={task.id} />
      <CardFoot task={task} isUnsent={isUnsent} />
    </article>
  );
});

function CardLabels({ id }: { id: string }) {
  const labels = useLabelsOf(id);
  if (labels.length === 0) return null;
  return (
    <ul className="labels" aria-label="Labels">
      {labels.map((label) => (
        <li key={label.id} className="label" style={{ '--color': label.color } as React.CSSProperties}>
          {label.name}
        </li>
      ))}
    </ul>
  );
}

function CardFoot({ task, isUnsent }: { task: Task; isUnsent: boolean }) {
  const comments = useCommentCount(task.id);
  const assignee = usePerson(task.assigneeId);
  const isLate = task.due && task.status !== 'DONE' && isPast(task.due);
  return (
    <p className="card-foot">
      <span className="fact" title={`Priority ${task.priority} of 5: ${priorityName(task.priority)}`}>
        <PriorityIcon priority={task.priority} />
        <span className="unseen">Priority {task.priority}</span>
      </span>
      {task.due && (
        <span className={isLate ? 'fact is-late' : 'fact'} title={isLate ? 'Past its day' : 'Due'}>
          <Calendar />
          <span className="unseen">{isLate ? 'Was due' : 'Due'} </span>
          <time dateTime={task.due}>{day(task.due)}</time>
        </span>
      )}
      {comments > 0 && (
        <span className="fact" title={counted(comments, 'comment')}>
          <Speech />
          {comments}
          <span className="unseen">{comments === 1 ? ' comment' : ' comments'}</span>
        </span>
      )}
      <span className="card-end">
        {isUnsent && <span className="unsent">Not sent yet</span>}
        {task.points !== null && task.points !== undefined && (
          <span className="points" title={counted(Number(task.points), 'point')}>
            {task.points}
            <span className="unseen"> points</span>
          </span>
        )}
        <Avatar person={assignee} />
        <span className="unseen">{assignee ? `Done by ${assignee.name}` : 'Nobody does it yet'}</span>
      </span>
    </p>
  );
}
