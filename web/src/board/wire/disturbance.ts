// What is being done to the line, for the parts of the page that show it.
import { useSyncExternalStore } from 'react';
import { currentDisturbance, onDisturbance, type Disturbance } from './line';

export function useDisturbance(): Disturbance {
  return useSyncExternalStore(onDisturbance, currentDisturbance);
}
