import type { EventStoreUnavailable } from '../eventstore/event-store.js';
import type { CommandRefusal } from './command.js';

/** What a write is answered while a deployment is under way. */
export const guarded: CommandRefusal = {
  kind: 'guarded',
  code: 'deployment_in_progress',
  detail: 'A deployment is under way and nothing is written until it is complete.',
  retry_after_seconds: 10,
};

/** What a write is answered where the log cannot take it now. */
export const unavailable = ({ reason }: EventStoreUnavailable): CommandRefusal =>
  reason === 'disk_full'
    ? { kind: 'disk_full', code: 'disk_full', detail: 'The log’s disk is full; nothing was written.' }
    : {
        kind: 'unavailable',
        code: 'log_unavailable',
        detail: 'The log cannot be written now; whether this was, is not known. Repeat the request.',
        retry_after_seconds: 2,
      };
