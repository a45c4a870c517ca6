// A task with all that is known of it, at the side of the board. Each field is a write of its own, as soon as it is
// left; there is no "save".
import { useEffect, useRef, useState, type ReactNode } from 'react';
import { deleteTask, patchTask, usePeople, useProjects, useTask } from '../data';
import { Close, Down, StatusIcon, Trash } from '../look/icons';
import { Toasts } from '../look/toasts';
import { PRIORITIES, priorityName, STATUS_NAMES, STATUSES, type Task } from '../rows';
import { show } from '../view/address';
import { moment } from '../view/format';
import { Comments } from './comments';
import { useDraft } from './draft';
import { TaskLabels } from './labels';

const close = () => show({ task: '' });

export function Sheet({ id, me }: { id: string; me: string | undefined }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const task = useTask(id);
  useEffect(() => {
    dialog.current?.showModal();
    dialog.current?.querySelector<HTMLElement>('[data-first]')?.focus();
  }, []);
  return (
    <dialog
      ref={dialog}
      className="sheet"
      aria-label={task ? `Task: ${task.title}` : 'Task'}
      onClose={close}
      // A press beside the sheet closes it.
      onPointerDown={(event) => event.target === dialog.current && dialog.current.close()}
    >
      <div className="sheet-page">
        {task ? <TaskForm key={id} task={task} me={me} onClose={() => dialog.current?.close()} /> : <Gone onClose={() => dialog.current?.close()} />}
      </div>
      <Toasts />
    </dialog>
  );
}

function Gone({ onClose }: { onClose: () => void }) {
  return (
    <div className="gone">
      <h2>This task is not there</h2>
      <p>It was deleted, or the address names one that never was.</p>
      <button className="primary" onClick={onClose}>Back to the board</button>
    </div>
  );
}

interface FormProps {
  task: Task;
  me: string | undefined;
  onClose: () => void;
}

function TaskForm({ task, me, onClose }: FormProps) {
  const projects = useProjects();
  const project = projects.find((one) => one.id === task.projectId);
  return (
    <>
      <header className="sheet-head">
        <p className="sheet-project">{project?.name}</p>
        <DeleteButton task={task} onDeleted={onClose} />
        <button data-first className="quiet square" aria-label="Close" title="Close (Esc)" onClick={onClose}><Close /></button>
      </header>
      <div className="sheet-body">
        <Title task={task} />
        <StatusChoice task={task} />
        <Facts task={task} />
        <TaskLabels task={task.id} />
        <Note task={task} />
        <Comments task={task.id} me={me} />
        <p className="sheet-foot">Last changed {moment(task.updatedAt)}</p>
      </div>
    </>
  );
}

function Title({ task }: { task: Task }) {
  const draft = useDraft(task.title, (text) => {
    const title = text.trim().replace(/\s+/gu, ' ');
    if (title && title !== task.title) patchTask(task, { title });
  });
  return (
    <textarea
      className="sheet-title"
      aria-label="Title"
      rows={1}
      {...draft}
      onKeyDown={(event) => {
        if (event.key !== 'Enter') return;
        event.preventDefault();
        event.currentTarget.blur();
      }}
    />
  );
}

function Note({ task }: { task: Task }) {
  const draft = useDraft(task.note ?? '', (text) => patchTask(task, { note: text.trim() === '' ? null : text }));
  return (
    <section>
      <h3 id="note">Note</h3>
      <textarea className="note" aria-labelledby="note" rows={3} placeholder="What does one have to know?" {...draft} />
    </section>
  );
}

function StatusChoice({ task }: { task: Task }) {
  return (
    <fieldset className="segments">
      <legend className="unseen">Status</legend>
      {STATUSES.map((status) => (
        <label key={status} className="segment">
          <input type="radio" name="status" checked={task.status === status} onChange={() => patchTask(task, { status })} />
          <StatusIcon status={status} />
          {STATUS_NAMES[status]}
        </label>
      ))}
    </fieldset>
  );
}

function Facts({ task }: { task: Task }) {
  const people = usePeople();
  return (
    <div className="facts">
      <Fact name="Who does it">
        <select value={task.assigneeId ?? ''} onChange={(event) => patchTask(task, { assigneeId: event.target.value || null })}>
          <option value="">Nobody yet</option>
          {people.map(({ id, name }) => <option key={id} value={id}>{name}</option>)}
        </select>
        <Down />
      </Fact>
      <Fact name="Priority">
        <select value={task.priority} onChange={(event) => patchTask(task, { priority: Number(event.target.value) })}>
          {PRIORITIES.map((priority) => <option key={priority} value={priority}>{priority} · {priorityName(priority)}</option>)}
        </select>
        <Down />
      </Fact>
      <Fact name="Due">
        <input type="date" value={task.due ?? ''} onChange={(event) => patchTask(task, { due: event.target.value || null })} />
      </Fact>
      <Points task={task} />
    </div>
  );
}

function Points({ task }: { task: Task }) {
  const draft = useDraft(task.points ?? '', (text) => patchTask(task, { points: text.trim() === '' ? null : text.trim() }));
  return (
    <Fact name="Points">
      <input type="number" min="0" step="1" inputMode="numeric" placeholder="Not guessed" {...draft} />
    </Fact>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <label className="fact-field">
      <span>{name}</span>
      <span className="select">{children}</span>
    </label>
  );
}

/** Asks once more, in its own place. */
function DeleteButton({ task, onDeleted }: { task: Task; onDeleted: () => void }) {
  const [asks, setAsks] = useState(false);
  if (!asks) {
    return <button className="quiet square" aria-label="Delete the task" title="Delete" onClick={() => setAsks(true)}><Trash /></button>;
  }
  return (
    <button
      className="danger"
      autoFocus
      onBlur={() => setAsks(false)}
      onClick={() => {
        onDeleted();
        deleteTask(task);
      }}
    >
      Delete for good
    </button>
  );
}
