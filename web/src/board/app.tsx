// The page: the bar, the filter, the board, a task's sheet, the wire; and what stands in their place until the first
// copy is here.
import { useMemo } from 'react';
import { Columns } from './columns/columns';
import type { Lists } from './columns/lifting';
import { startNewTask, useShortcuts } from './columns/shortcuts';
import { useLabels, usePeople, useProjects, useStanding, useTaskLabels, useTasks } from './data';
import { Toasts } from './look/toasts';
import type { Person, Project } from './rows';
import { Sheet } from './sheet/sheet';
import { isFiltered, show, useView, type View } from './view/address';
import { Bar, Filter, FILTER_FIELD } from './view/bar';
import { inSight } from './view/filter';
import { Failed, Loading, NoSuchProject, Offline } from './view/moments';
import { prefer, usePreferences } from './view/preferences';
import { WirePanel } from './wire/panel';

const WIDE = '(min-width: 1180px)';

export function App() {
  const view = useView();
  const people = usePeople();
  const projects = useProjects();
  const project = projects.find(({ slug }) => slug === view.project);
  const lists = useLists(project?.id, view);
  const preferences = usePreferences();
  const isWireShown = preferences.wire ?? matchMedia(WIDE).matches;
  const me = people.find(({ id }) => id === preferences.me) ?? people[0];
  const onWire = () => prefer({ wire: !isWireShown });
  useShortcuts({ '/': () => document.getElementById(FILTER_FIELD)?.focus(), n: startNewTask, w: onWire });
  return (
    <div className={isWireShown ? 'page has-wire' : 'page'}>
      <Bar projects={projects} people={people} view={view} me={me} isWireShown={isWireShown} onWire={onWire} />
      <main className="main">
        <Board lists={lists} people={people} projects={projects} project={project} view={view} me={me?.id} />
      </main>
      {isWireShown && <WirePanel inSight={Object.values(lists).flat()} onClose={onWire} />}
      {/* Nothing outside of an open sheet can be reached, so what must be told is told inside. */}
      {view.task ? <Sheet key={view.task} id={view.task} me={me?.id} /> : <Toasts />}
      <Offline />
    </div>
  );
}

function useLists(projectId: string | undefined, view: View): Lists {
  const tasks = useTasks();
  const taskLabels = useTaskLabels();
  return useMemo(() => inSight({ tasks, taskLabels }, projectId, view), [tasks, taskLabels, projectId, view]);
}

interface BoardProps {
  lists: Lists;
  people: readonly Person[];
  projects: readonly Project[];
  project: Project | undefined;
  view: View;
  me: string | undefined;
}

function Board({ lists, people, projects, project, view, me }: BoardProps) {
  const { ready, error } = useStanding();
  const labels = useLabels();
  if (error) return <Failed reason={error.message} />;
  if (!ready) return <Loading />;
  if (view.project && !project) return <NoSuchProject onAll={() => show({ project: '' })} />;
  const isEmpty = isFiltered(view) && Object.values(lists).every((list) => list.length === 0);
  return (
    <>
      <h1 className="unseen">{project?.name ?? 'All projects'}</h1>
      <Filter people={people} labels={labels} view={view} />
      {isEmpty && <p className="unseen" role="status">No task matches the filter.</p>}
      <Columns lists={lists} projects={projects} project={project} me={me} view={view} />
    </>
  );
}
