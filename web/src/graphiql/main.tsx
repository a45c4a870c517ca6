// The page: asks for the schema, chooses the first tabs by it, hands over to GraphiQL.
import { GraphiQL } from 'graphiql';
import { buildClientSchema, type ExecutionResult, type IntrospectionQuery } from 'graphql';
import { createRoot } from 'react-dom/client';
import { boardTabs, isBoard, tabsFromSchema, type Tab } from './tabs';
import { createFetcher, introspect, post } from './transport';
import 'graphiql/style.css';
import './page.css';

const WELCOME = '# Ctrl+Space completes, Ctrl+Enter runs. The book on the left is the schema.\n\n';
const FIRST_TASK = '{ tasks(first: 1, where: { status: { eq: TODO } }) { nodes { id } } }';

interface Start {
  introspection?: ExecutionResult<IntrospectionQuery>;
  tabs: Tab[];
  /** The project board is served, and its page at `/`. */
  hasBoard: boolean;
  /** Tabs are remembered in the browser; those of the example database apart from those of yours. */
  storage: Storage;
}

async function prepare(): Promise<Start> {
  try {
    const introspection = await introspect();
    if (!introspection.data) return { tabs: [], hasBoard: false, storage: localStorage };
    const schema = buildClientSchema(introspection.data);
    return isBoard(schema)
      ? { introspection, tabs: boardTabs(await firstTask()), hasBoard: true, storage: storageUnder('board:') }
      : { introspection, tabs: tabsFromSchema(schema), hasBoard: false, storage: localStorage };
  } catch {
    // GraphiQL asks again by itself and shows what is wrong.
    return { tabs: [], hasBoard: false, storage: localStorage };
  }
}

async function firstTask(): Promise<string | undefined> {
  const answer = await post<{ tasks: { nodes: { id: string }[] } }>(FIRST_TASK).catch(() => undefined);
  return answer?.data?.tasks.nodes[0]?.id;
}

function storageUnder(prefix: string): Storage {
  return {
    get length() {
      return localStorage.length;
    },
    key: (index) => localStorage.key(index),
    getItem: (name) => localStorage.getItem(prefix + name),
    setItem: (name, value) => localStorage.setItem(prefix + name, value),
    removeItem: (name) => localStorage.removeItem(prefix + name),
    clear: () => localStorage.clear(),
  };
}

const { introspection, tabs, hasBoard, storage } = await prepare();
const root = document.getElementById('graphiql');
if (root) {
  createRoot(root).render(
    <GraphiQL
      fetcher={createFetcher(introspection)}
      defaultTabs={tabs.length > 0 ? tabs : [{ query: WELCOME }]}
      defaultQuery={WELCOME}
      storage={storage}
      shouldPersistHeaders={false}
    >
      <GraphiQL.Logo>
        Everwire{hasBoard && <a href="/">Board</a>}
      </GraphiQL.Logo>
    </GraphiQL>,
  );
}
