import type { CommandRefusal } from '../../commands/handle.js';
import type { Occurrence } from '../../commands/ingest/ingest-issues.js';
import type { RejectedEvent } from '../../commands/ingest/read-events.js';
import type { ApiServices } from '../dependencies.js';
import type { ApiRequest } from './message.js';
import type { Problem } from './problem.js';

/** Whose request it is, and which. */
type Sender = Pick<ApiRequest, 'principal'> & { readonly context: { readonly request_id: string } };

type Counters = Pick<ApiServices, 'metrics' | 'issues'>;

const note = (
  { issues }: Counters,
  { principal: { tenant_id, actor }, context: { request_id } }: Sender,
  what: Omit<Occurrence, 'actor' | 'example'> & { readonly detail: string; readonly event_id?: string },
): void => {
  if (tenant_id === undefined) return;
  const { detail, event_id, ...occurrence } = what;
  const example = { request_id, detail, ...(event_id !== undefined && { event_id }) };
  issues.note(tenant_id, { ...occurrence, actor, example });
};

type Fault = Pick<RejectedEvent, 'code' | 'pointer' | 'detail' | 'id'> & {
  /** How many have it; default: one. */
  readonly count?: number;
};

/** Counts events by what is wrong with them. */
const noteFaults = (api: Counters, sender: Sender, faults: readonly Fault[]): void => {
  const alike = new Map<string, { readonly fault: Fault; count: number }>();
  for (const fault of faults) {
    const name = `${fault.code} ${fault.pointer}`;
    const count = fault.count ?? 1;
    const known = alike.get(name);
    if (known) known.count += count;
    else alike.set(name, { fault, count });
  }
  for (const { fault, count } of alike.values()) {
    const { code, pointer, detail, id } = fault;
    note(api, sender, {
      ...{ outcome: 'rejected', code, pointer, count, detail },
      ...(id !== undefined && { event_id: id }),
    });
  }
};

/** Counts a request with events that was refused as a whole; where its events are what was wrong, them. */
export const countRefused = (
  api: Counters,
  sender: Sender,
  { code, detail, errors = [] }: Pick<Problem | CommandRefusal, 'code' | 'detail' | 'errors'>,
): void => {
  api.metrics.eventsRejected.inc({ code });
  // In a batch the pointer begins with the event's number, which is no part of the reason.
  const faults = errors.map((error) => ({ ...error, pointer: error.pointer.replace(/^\/\d+(?=\/|$)/, '') }));
  if (faults.length > 0) noteFaults(api, sender, faults);
  else note(api, sender, { outcome: 'refused', code, pointer: '', count: 1, detail });
};

/** Counts what became of the events of a request that was not refused. */
export const countStored = (
  api: Counters,
  sender: Sender,
  {
    accepted,
    duplicates,
    errors,
    rejected,
  }: {
    readonly accepted: number;
    readonly duplicates: number;
    /** Those rejected, or the first of them. */
    readonly errors: readonly Fault[];
    readonly rejected: number;
  },
): void => {
  const { eventsAccepted, eventsDuplicate, eventsRejected } = api.metrics;
  eventsAccepted.inc(accepted);
  if (duplicates > 0) {
    eventsDuplicate.inc(duplicates);
    note(api, sender, {
      outcome: 'duplicate',
      code: 'stored_already',
      pointer: '',
      count: duplicates,
      detail: 'Stored already, under the same id or by the same request.',
    });
  }
  if (rejected === 0) return;
  eventsRejected.inc({ code: 'part_of_a_batch' }, rejected);
  noteFaults(api, sender, errors);
  const unnamed = rejected - errors.reduce((sum, { count = 1 }) => sum + count, 0);
  if (unnamed > 0)
    note(api, sender, {
      ...{ outcome: 'rejected', code: 'more_of_a_batch', pointer: '', count: unnamed },
      detail: 'Rejected besides those that the answer named.',
    });
};

/** Counts what was taken and is not stored, since it is of no kind that is. */
export const countIgnored = (api: Counters, sender: Sender, count: number, detail: string): void => {
  if (count > 0) note(api, sender, { outcome: 'ignored', code: 'not_http', pointer: '', count, detail });
};
