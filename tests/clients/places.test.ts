// A card stands where it was put, whatever the positions around it are, and no card is written to without need.
import { expect, test } from 'vitest';
import { byPlace, place, type Placed } from '../../web/src/board/places';

/** The order after the positions were written. */
function after(others: readonly Placed[], written: readonly Placed[]): string[] {
  const positions = new Map([...others, ...written].map((card) => [card.id, card]));
  return [...positions.values()].sort(byPlace).map(({ id }) => id);
}

const column = (...positions: number[]): Placed[] => positions.map((position, index) => ({ id: `card ${index}`, position }));

test('one write is enough where there is room', () => {
  expect(place('new', [], 0)).toEqual([{ id: 'new', position: 0 }]);
  expect(place('new', column(5), 0)).toEqual([{ id: 'new', position: -1019 }]);
  expect(place('new', column(5), 1)).toEqual([{ id: 'new', position: 1029 }]);
  expect(place('new', column(1, 2), 1)).toEqual([{ id: 'new', position: 1.5 }]);
});

test('neighbours at one position make room, and only those that are in the way', () => {
  const others = column(0, 0, 0, 5_000);
  const written = place('new', others, 1);
  expect(written.map(({ id }) => id)).toEqual(['new', 'card 1', 'card 2']);
  expect(after(others, written)).toEqual(['card 0', 'new', 'card 1', 'card 2', 'card 3']);
});

test('a thousand cards that are put between the same two stand in the order in which they came', () => {
  let cards = column(0, 1);
  for (let turn = 0; turn < 1_000; turn += 1) {
    const written = place(`new ${turn}`, cards, 1);
    const others = cards.filter(({ id }) => !written.some((card) => card.id === id));
    cards = [...others, ...written].sort(byPlace);
    expect(cards[1]?.id).toBe(`new ${turn}`);
  }
  expect(cards.slice(1, -1).map(({ id }) => id)).toEqual(Array.from({ length: 1_000 }, (_, turn) => `new ${999 - turn}`));
});
