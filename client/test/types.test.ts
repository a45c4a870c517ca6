// The types that a user sees: checked by the compiler (`npm run check`), and by this test that the compiler is asked.
import { expectTypeOf, test } from 'vitest';
import type { Copy, CopyTypes, Sync, SyncTypes, Table, TableTypes, Write } from '../src/index.js';
import type { useRow, useRows } from '../src/react.js';
import type { KeyArgument } from '../src/types.js';

interface Card {
  __typename?: 'Task';
  id: string;
  title: string;
  priority: number | null;
}
type TaskChange = { __typename?: 'TaskPut'; task: Card } | { __typename?: 'TaskPatch' } | { __typename?: 'TaskDelete' };
interface Doing {
  __typename?: 'Subscription';
  tasks: { __typename?: 'TaskChanges'; sequence: string; changes: TaskChange[] };
}
interface Board {
  sync: {
    __typename?: 'Sync';
    tasks: TaskChange[];
    marks: (
      | {
          __typename?: 'MarkPut';
          key: { __typename?: 'MarkKey'; taskId: string; labelId: string };
          mark: { note: string };
        }
      | { __typename?: 'MarkDelete'; key: { taskId: string; labelId: string } }
    )[];
  };
}

declare module '../src/types.js' {
  interface Inputs {
    Mark: { create: { taskId: string; labelId: string; note?: string }; patch: { note: string } };
  }
}

test('rows, keys and writes are typed by the document', () => {
  type Doings = Copy<CopyTypes<Doing>>;
  expectTypeOf<Doings['rows']>().toEqualTypeOf<readonly (Card & object)[]>();
  expectTypeOf<Parameters<Doings['get']>[0]>().toEqualTypeOf<KeyArgument<{ id: string }>>();
  expectTypeOf<{ id: string }>().toMatchTypeOf<Parameters<Doings['get']>[0]>();
  expectTypeOf<string>().toMatchTypeOf<Parameters<Doings['get']>[0]>();
  expectTypeOf<number>().not.toMatchTypeOf<Parameters<Doings['get']>[0]>();
  expectTypeOf<{ title: string; authorId: string }>().toMatchTypeOf<Parameters<Doings['patch']>[1]>();
  expectTypeOf<{ title: number }>().not.toMatchTypeOf<Parameters<Doings['patch']>[1]>();
  expectTypeOf<ReturnType<Doings['patch']>>().toEqualTypeOf<Write>();
});

test('tables of a sync, keys of several columns, and inputs that the user names', () => {
  type Tables = Sync<SyncTypes<Board>>['tables'];
  expectTypeOf<keyof Tables>().toEqualTypeOf<'tasks' | 'marks'>();
  expectTypeOf<Tables['tasks']['rows'][number]['title']>().toEqualTypeOf<string>();
  expectTypeOf<{ taskId: string; labelId: string }>().toMatchTypeOf<Parameters<Tables['marks']['get']>[0]>();
  expectTypeOf<string>().not.toMatchTypeOf<Parameters<Tables['marks']['get']>[0]>();
  expectTypeOf<{ colour: string }>().not.toMatchTypeOf<Parameters<Tables['marks']['create']>[0]>();
  expectTypeOf<{ taskId: string; labelId: string }>().toMatchTypeOf<Parameters<Tables['marks']['create']>[0]>();
  expectTypeOf<{ note: number }>().not.toMatchTypeOf<Parameters<Tables['marks']['patch']>[1]>();
});

test('hooks give the types of the table that they are given', () => {
  type Doings = Copy<CopyTypes<Doing>>;
  expectTypeOf<Doings extends Table<infer Types extends TableTypes> ? Types['row'] : never>().toEqualTypeOf<
    Card & object
  >();
  expectTypeOf<typeof useRows>().toBeFunction();
  expectTypeOf<typeof useRow>().toBeFunction();
});
