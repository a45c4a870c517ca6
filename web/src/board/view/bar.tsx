// The top of the page: which project, who writes, how the connection is; and below it the filter.
import { useEffect, useRef, type MouseEvent } from 'react';
import { useStanding } from '../data';
import { Avatar } from '../look/avatar';
import { Close, Down, Mark, Plus, Search, Wire } from '../look/icons';
import type { Label, Person, Project } from '../rows';
import { startNewTask } from '../columns/shortcuts';
import { STATE_NAMES } from '../wire/states';
import { isFiltered, NOBODY, show, type View } from './address';
import { prefer } from './preferences';

interface BarProps {
  projects: readonly Project[];
  people: readonly Person[];
  view: View;
  me: Person | undefined;
  isWireShown: boolean;
  onWire: () => void;
}

/** All of the board, without another load of the page. */
function home(event: MouseEvent): void {
  event.preventDefault();
  show({ project: '', text: '', person: '', label: '', task: '' });
}

export function Bar({ projects, people, view, me, isWireShown, onWire }: BarProps) {
  return (
    <header className="bar">
      <a className="brand" href="/" aria-label="Everwire" onClick={home}>
        <Mark />
        <span>Everwire</span>
      </a>
      <label className="select project-select">
        <span className="unseen">Project</span>
        <select value={view.project} onChange={(event) => show({ project: event.target.value })}>
          <option value="">All projects</option>
          {projects.map(({ id, slug, name, archived }) => (
            <option key={id} value={slug}>{archived ? `${name} (archived)` : name}</option>
          ))}
        </select>
        <Down />
      </label>
      <span className="bar-gap" />
      <a className="quiet link" href="/graphql">GraphiQL</a>
      <label className="select me" title="There is no login here: choose who you are">
        <span className="unseen">You are</span>
        <Avatar person={me} size={26} />
        <select value={me?.id ?? ''} onChange={(event) => prefer({ me: event.target.value })}>
          {people.map(({ id, name }) => <option key={id} value={id}>{name}</option>)}
        </select>
        <Down />
      </label>
      <WireButton isShown={isWireShown} onClick={onWire} />
      <button className="primary new-task" onClick={startNewTask} title="New task (N)">
        <Plus />
        <span>New task</span>
      </button>
    </header>
  );
}

function WireButton({ isShown, onClick }: { isShown: boolean; onClick: () => void }) {
  const { status } = useStanding();
  return (
    <button className="wire-button" data-state={status} aria-pressed={isShown} onClick={onClick} title="The wire (W)">
      <span className="state-dot" />
      <span className="wire-state">{STATE_NAMES[status]}</span>
      <Wire />
      <span className="unseen">Show the wire</span>
    </button>
  );
}

interface FilterProps {
  people: readonly Person[];
  labels: readonly Label[];
  view: View;
}

export const FILTER_FIELD = 'filter-text';

export function Filter({ people, labels, view }: FilterProps) {
  return (
    <div className="filter" role="search" aria-label="Tasks">
      <FilterText text={view.text} />
      <div className="people" role="group" aria-label="Show only the tasks of">
        {people.map((person) => (
          <PersonToggle key={person.id} person={person} name={person.name} isOn={view.person === person.id} id={person.id} />
        ))}
        <PersonToggle person={undefined} name="Nobody" isOn={view.person === NOBODY} id={NOBODY} />
      </div>
      <label className={view.label ? 'select is-on' : 'select'}>
        <span className="unseen">Label</span>
        <select value={view.label} onChange={(event) => show({ label: event.target.value })}>
          <option value="">Any label</option>
          {labels.map(({ id, name }) => <option key={id} value={id}>{name}</option>)}
        </select>
        <Down />
      </label>
      {isFiltered(view) && (
        <button className="quiet" onClick={() => show({ text: '', person: '', label: '' })}>
          <Close />
          Clear
        </button>
      )}
    </div>
  );
}

function FilterText({ text }: { text: string }) {
  const field = useRef<HTMLInputElement>(null);
  // The address can change beside the field: back, forward, Clear.
  useEffect(() => {
    if (field.current && field.current.value !== text) field.current.value = text;
  }, [text]);
  return (
    <label className="search">
      <span className="unseen">Find tasks by their text</span>
      <Search />
      <input
        ref={field}
        id={FILTER_FIELD}
        type="search"
        placeholder="Find tasks"
        defaultValue={text}
        onChange={(event) => show({ text: event.target.value })}
        onKeyDown={(event) => event.key === 'Escape' && event.currentTarget.blur()}
      />
      <kbd aria-hidden="true">/</kbd>
    </label>
  );
}

interface ToggleProps {
  id: string;
  person: Person | undefined;
  name: string;
  isOn: boolean;
}

function PersonToggle({ id, person, name, isOn }: ToggleProps) {
  return (
    <button className="person-toggle" aria-pressed={isOn} aria-label={name} title={name} onClick={() => show({ person: isOn ? '' : id })}>
      <Avatar person={person} size={28} />
    </button>
  );
}
