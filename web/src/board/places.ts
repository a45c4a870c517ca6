// Where does a card land between others? Takes the column's cards in order, without the one that moves, and the
// index that it is to have; gives the positions to write. Where two neighbours leave no room between them, those
// that follow are moved on too, no further than needed.

export interface Placed {
  id: string;
  position: number;
}

/** The distance at the ends of a column, and between cards that had to be moved on. */
const STEP = 1024;

/** The positions to write for `id` to stand at `index` of `others`: its own first, then those that make room. */
export function place(id: string, others: readonly Placed[], index: number): Placed[] {
  const before = others[index - 1]?.position;
  const after = others[index]?.position;
  if (after === undefined) return [{ id, position: before === undefined ? 0 : before + STEP }];
  if (before === undefined) return [{ id, position: after - STEP }];
  const middle = before + (after - before) / 2;
  if (before < middle && middle < after) return [{ id, position: middle }];
  return makeRoom(id, before, others.slice(index));
}

function makeRoom(id: string, before: number, following: readonly Placed[]): Placed[] {
  let last = before + STEP;
  const written = [{ id, position: last }];
  for (const card of following) {
    if (card.position > last) break;
    last += STEP;
    written.push({ id: card.id, position: last });
  }
  return written;
}

/** The order of a column: by position, and by id where positions are equal, so that all see the same. */
export function byPlace(a: Placed, b: Placed): number {
  return a.position - b.position || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}
