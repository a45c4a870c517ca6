// "Another program": it writes to the board by POST, as any script would, and knows nothing of this page's connection.
// What it did comes back over the wire, like everybody's changes.
import { STATUS_NAMES, STATUSES, type Task } from '../rows';

const MOVE = `mutation Elsewhere($id: UUID!, $patch: TaskPatchInput!) {
  patchTask(id: $id, patch: $patch) { id }
}`;

/** Moves one task of those in sight on to the next column. Gives what it did, in a sentence. */
export async function writeElsewhere(tasks: readonly Task[]): Promise<string> {
  const task = tasks[Math.floor(Math.random() * tasks.length)];
  if (!task) return 'There is no task in sight that it could write to.';
  const status = STATUSES[(STATUSES.indexOf(task.status) + 1) % STATUSES.length] ?? task.status;
  const variables = { id: task.id, patch: { status } };
  try {
    const response = await fetch('/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: MOVE, variables }),
    });
    const { errors } = (await response.json()) as { errors?: { message: string }[] };
    return errors?.[0]?.message ?? `It moved “${task.title}” to “${STATUS_NAMES[status]}”.`;
  } catch {
    return 'The server cannot be reached by that program either.';
  }
}
