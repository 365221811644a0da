import type { Position } from '../event-store.js';

/** A position is a record's running number over the whole log: what it counts stays when segments are encoded anew. */
export const numberOf = (position: Position): number => Number.parseInt(position, 16);
