// Moving a card by pointer, with the browser's own drag and drop: cards can be dragged, cards and columns are where
// they are dropped.
import { combine } from '@atlaskit/pragmatic-drag-and-drop/combine';
import {
  draggable,
  dropTargetForElements,
  monitorForElements,
} from '@atlaskit/pragmatic-drag-and-drop/element/adapter';
import { attachClosestEdge, extractClosestEdge } from '@atlaskit/pragmatic-drag-and-drop-hitbox/closest-edge';
import { useEffect, useState, type RefObject } from 'react';
import { STATUSES, type Status } from '../rows';

/** Above or below the card that the pointer is on. */
export type Side = 'top' | 'bottom';

interface CardDragging {
  isDragged: boolean;
  side: Side | undefined;
}

export function useCardDragging(element: RefObject<HTMLElement | null>, id: string): CardDragging {
  const [isDragged, setDragged] = useState(false);
  const [side, setSide] = useState<Side>();
  useEffect(() => {
    const card = element.current;
    if (!card) return undefined;
    return combine(
      draggable({
        element: card,
        getInitialData: () => ({ card: id }),
        onDragStart: () => setDragged(true),
        onDrop: () => setDragged(false),
      }),
      dropTargetForElements({
        element: card,
        canDrop: ({ source }) => typeof source.data['card'] === 'string' && source.data['card'] !== id,
        getData: ({ input, element }) =>
          attachClosestEdge({ beside: id }, { input, element, allowedEdges: ['top', 'bottom'] }),
        onDrag: ({ self }) => setSide(sideOf(self.data)),
        onDragLeave: () => setSide(undefined),
        onDrop: () => setSide(undefined),
      }),
    );
  }, [element, id]);
  return { isDragged, side };
}

function sideOf(data: Record<string | symbol, unknown>): Side | undefined {
  const edge = extractClosestEdge(data);
  return edge === 'top' || edge === 'bottom' ? edge : undefined;
}

/** True while a card is over the column but over none of its cards. */
export function useColumnDropping(element: RefObject<HTMLElement | null>, status: Status): boolean {
  const [isOver, setOver] = useState(false);
  useEffect(() => {
    const column = element.current;
    if (!column) return undefined;
    return dropTargetForElements({
      element: column,
      canDrop: ({ source }) => typeof source.data['card'] === 'string',
      getData: () => ({ status }),
      onDrag: ({ location, self }) => setOver(location.current.dropTargets[0]?.element === self.element),
      onDragLeave: () => setOver(false),
      onDrop: () => setOver(false),
    });
  }, [element, status]);
  return isOver;
}

export interface Dropped {
  id: string;
  status: Status;
  /** The card beside which it was dropped; nothing: at the end of the column. */
  beside: { id: string; side: Side } | undefined;
}

export function useDrops(onDropped: (dropped: Dropped) => void): void {
  useEffect(
    () =>
      monitorForElements({
        onDrop: ({ source, location }) => {
          const targets = location.current.dropTargets.map((target) => target.data);
          const id = source.data['card'];
          const status = STATUSES.find((one) => targets.some((data) => data['status'] === one));
          if (typeof id !== 'string' || !status) return;
          const card = targets.find((data) => typeof data['beside'] === 'string');
          const side = card && sideOf(card);
          onDropped({ id, status, beside: card && side ? { id: String(card['beside']), side } : undefined });
        },
      }),
    [onDropped],
  );
}
