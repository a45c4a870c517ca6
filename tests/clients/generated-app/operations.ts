// An app as its author writes it: operations in `graphql`, typed by what GraphQL Code Generator makes of them.
import { graphql, type DocumentType } from './generated';

export const board = graphql(`
  query Board($project: UUID!, $status: TaskStatus) {
    tasks(where: { projectId: { eq: $project }, status: { eq: $status } }, orderBy: [{ title: ASC }]) {
      totalCount
      nodes { id title status points estimate tags meta assignee { name } }
    }
  }
`);

export const rename = graphql(`
  mutation Rename($id: UUID!, $patch: TaskPatchInput!) {
    patchTask(id: $id, patch: $patch) { id title points tags meta }
  }
`);

export const live = graphql(`
  subscription Live($project: UUID!, $since: Sequence) {
    tasks(where: { projectId: { eq: $project } }, since: $since) {
      sequence
      previous
      reset
      more
      changes {
        __typename
        key { id }
        ... on TaskPut { task { id title } }
        ... on TaskPatch { changed patch { title } }
      }
    }
  }
`);

type Change = DocumentType<typeof live>['tasks']['changes'][number];

/** What a change says, by its kind: each has its own type. */
export function said(change: Change): string {
  switch (change.__typename) {
    case 'TaskPut':
      return change.task.title;
    case 'TaskPatch':
      return change.changed.includes('title') ? (change.patch.title ?? '') : '';
    case 'TaskDelete':
      return change.key.id;
  }
}

/** Strings where a JSON number would lose digits; null where the database has it. */
export function points(data: DocumentType<typeof board>): (string | null)[] {
  return data.tasks.nodes.map((task) => task.points ?? null);
}

// @ts-expect-error: there is no such column
export const title = (data: DocumentType<typeof board>): string => data.tasks.nodes[0]?.titel ?? '';
