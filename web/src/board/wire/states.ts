// What the states of the connection are called.
import type { Status } from 'everwire';

export const STATE_NAMES: Record<Status, string> = {
  connecting: 'Connecting',
  'catching up': 'Catching up',
  live: 'Live',
  offline: 'Offline',
  failed: 'Refused',
  closed: 'Closed',
};
