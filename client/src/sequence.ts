// Which of two positions in the log comes first? A `Sequence` is `epoch.lsn.ordinal` in hexadecimal digits of fixed
// width, so that text order is the order of the log within one epoch; positions of two epochs have no order.

/** The history that a position belongs to. */
export function epoch(sequence: string): string {
  return sequence.slice(0, sequence.indexOf('.'));
}

/** True for a part of a starting copy that more follows: its position has the log's address 0, and nobody can go on from there. */
export function isUnfinished(sequence: string): boolean {
  return /^[^.]*\.0+\./.test(sequence);
}
