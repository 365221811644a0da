import type { Actor, ClientOrigin, Origin } from '../provenance.js';

/** One line of the audit trail: what somebody did, or was refused. */
export interface TrailEntry {
  readonly id: string;
  /** RFC 3339; of a refused act when it was tried last. */
  readonly at: string;
  readonly outcome: 'done' | 'refused';
  readonly actor: Actor;
  /** What was recorded (`AlertRuleDefined`), or the route that was refused (`POST /api/v1/alerting/rules`). */
  readonly action: string;
  readonly request_id: string;
  /** Absent where nothing came over the network, or before it was kept. */
  readonly client?: ClientOrigin;
  readonly origin?: Origin;
  readonly release?: string;
  readonly deployment_id?: string;
  /** Where the record stands. */
  readonly stream?: string;
  readonly revision?: number;
  readonly position?: string;
  /** Why it was refused. */
  readonly code?: string;
  readonly status?: number;
  /** How often it was refused on that day, and when first. */
  readonly count?: number;
  readonly first_at?: string;
}

/** Which lines; all that is given must hold. */
export interface TrailFilter {
  readonly outcome?: TrailEntry['outcome'];
  readonly actor_id?: string;
  readonly action?: string;
  readonly stream?: string;
  readonly origin?: string;
  readonly request_id?: string;
  readonly deployment_id?: string;
  readonly address?: string;
  readonly code?: string;
  /** RFC 3339, both ends inclusive. */
  readonly from?: string;
  readonly to?: string;
}

const equal = [
  'outcome',
  'action',
  'stream',
  'origin',
  'request_id',
  'deployment_id',
  'code',
] as const satisfies readonly (keyof TrailFilter & keyof TrailEntry)[];

/** Whether a line is wanted, its time aside. */
export const isWanted = (entry: TrailEntry, filter: TrailFilter): boolean =>
  equal.every((field) => filter[field] === undefined || entry[field] === filter[field]) &&
  (filter.actor_id === undefined || entry.actor.id === filter.actor_id) &&
  (filter.address === undefined || entry.client?.address === filter.address);

const columns = [
  'at',
  'outcome',
  'actor_kind',
  'actor_id',
  'action',
  'stream',
  'revision',
  'position',
  'origin',
  'request_id',
  'address',
  'user_agent',
  'release',
  'deployment_id',
  'status',
  'code',
  'count',
  'first_at',
  'id',
] as const;

const cellsOf = ({ actor, client, ...entry }: TrailEntry): Readonly<Record<string, unknown>> => ({
  ...entry,
  actor_kind: actor.kind,
  actor_id: actor.id,
  ...client,
});

/**
 * A cell as RFC 4180 has it. What a spreadsheet would take for a formula stands behind an apostrophe: user agents are
 * whatever a stranger sends.
 */
const cell = (value: unknown): string => {
  const text = typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};

/** Lines of the trail as CSV with a header (RFC 4180). */
export const trailCsv = (entries: readonly TrailEntry[]): string =>
  [columns, ...entries.map((entry) => columns.map((column) => cellsOf(entry)[column]))]
    .map((row) => `${row.map(cell).join(',')}\r\n`)
    .join('');
