import { Type, type Static } from 'typebox';
import type { TenantId } from '../../domain/ids.js';
import type { Json } from '../../domain/json.js';
import { mergedIssues, shownText, type IngestIssue } from '../../domain/telemetry/ingest-issue.js';
import type { Clock } from '../../platform/clock.js';
import { compile } from '../../platform/validation.js';
import type { Register } from '../../readstore/read-store.js';

const PREFIX = 'ingest-issues/';
/** How often adding up is tried again where another process was faster. */
const ATTEMPTS = 10;
const MAX_ID_LENGTH = 128;
/** Issues of a tenant that wait to be written; more are added up before. */
const WAITING = 1_000;

const StoredIssue = Type.Object({
  outcome: Type.Enum(['refused', 'rejected', 'duplicate', 'ignored']),
  code: Type.String(),
  pointer: Type.String(),
  actor: Type.Object({ kind: Type.String(), id: Type.String() }),
  count: Type.Number(),
  first_seen: Type.Number(),
  last_seen: Type.Number(),
  example: Type.Object({
    request_id: Type.String(),
    detail: Type.String(),
    event_id: Type.Optional(Type.String()),
  }),
});
const readIssues = compile(Type.Array(StoredIssue));

/** One kind of thing that happened to events of one request. */
export type Occurrence = Pick<IngestIssue, 'outcome' | 'code' | 'pointer' | 'actor' | 'count' | 'example'>;

/**
 * What became of a tenant's events other than being stored, by reason. It is in no log: what is refused leaves no
 * record. The counts stand in the read store's register, summed over all processes; they are for looking at, and the
 * last seconds before a crash may be missing.
 */
export class IngestIssues {
  #waiting = new Map<TenantId, IngestIssue[]>();

  constructor(
    private readonly register: Register,
    private readonly clock: Clock,
  ) {}

  /** Counts something; it is written later. */
  note(tenant: TenantId, { pointer, example, ...occurrence }: Occurrence): void {
    const now = this.clock.now();
    const { request_id, detail, event_id } = example;
    let waiting = this.#waiting.get(tenant);
    if (!waiting) this.#waiting.set(tenant, (waiting = []));
    waiting.push({
      ...occurrence,
      pointer: shownText(pointer),
      first_seen: now,
      last_seen: now,
      example: {
        request_id,
        detail: shownText(detail),
        // The client's own names are not masked: they are what it finds the event by.
        ...(event_id !== undefined && { event_id: event_id.slice(0, MAX_ID_LENGTH) }),
      },
    });
    if (waiting.length >= WAITING) this.#waiting.set(tenant, [...mergedIssues([waiting], now)]);
  }

  /** A tenant's issues, the one last seen first. */
  async of(tenant: TenantId): Promise<readonly IngestIssue[]> {
    await this.#write(tenant);
    return mergedIssues([(await this.#stored(tenant)).issues], this.clock.now());
  }

  /** Writes all counts that wait. */
  async flush(): Promise<void> {
    for (const tenant of [...this.#waiting.keys()]) await this.#write(tenant);
  }

  async #write(tenant: TenantId): Promise<void> {
    const waiting = this.#waiting.get(tenant);
    if (!waiting) return;
    this.#waiting.delete(tenant);
    let written = false;
    try {
      for (let attempt = 0; attempt < ATTEMPTS && !written; attempt += 1) {
        const { issues, version } = await this.#stored(tenant);
        const sum = mergedIssues([issues, waiting], this.clock.now());
        written = await this.register.set(PREFIX + tenant, sum as unknown as Json, version);
      }
    } finally {
      if (!written) this.#waiting.set(tenant, [...waiting, ...(this.#waiting.get(tenant) ?? [])]);
    }
  }

  async #stored(tenant: TenantId): Promise<{
    readonly issues: readonly Static<typeof StoredIssue>[];
    readonly version: number;
  }> {
    const entry = await this.register.get(PREFIX + tenant);
    const read = entry && readIssues(entry.value);
    return { issues: read?.ok ? read.value : [], version: entry?.version ?? 0 };
  }
}
