import fc from 'fast-check';
import type { AlertFacts } from '../../src/domain/alerting/alert.js';
import type { AlertId, ApiKeyId, QuarantineId, RuleId, TenantId } from '../../src/domain/ids.js';
import type { JsonObject } from '../../src/domain/json.js';
import type { IndexRange } from '../../src/domain/index-ranges.js';
import { statementOf, TELEMETRY_RETIRED } from '../../src/domain/retention/retention.js';
import { rangesOf } from '../../src/domain/revision-ranges.js';
import type { QuarantinedRecord } from '../../src/domain/quarantine/quarantine.js';
import {
  alertStream,
  apiKeyStream,
  quarantineStream,
  retirementsStream,
  routesStream,
  ruleStream,
} from '../../src/domain/streams.js';
import type { RecordedEvent } from '../../src/eventstore/event-store.js';
import { isQuarantineEvent } from '../../src/quarantine/shelf.js';
import { MemoryEventLog } from './memory-event-log.js';

export const tenants = ['ten_a', 'ten_b'] as unknown as readonly TenantId[];
const START_MS = Date.UTC(2026, 0, 1);

/** One thing that happens to a log; numbers choose among what there is when it happens. */
export type Happening =
  | { readonly kind: 'telemetry'; readonly tenant: number; readonly events: readonly Sent[] }
  | { readonly kind: 'domain'; readonly tenant: number; readonly what: number; readonly of: number }
  | {
      readonly kind: 'quarantine';
      readonly tenant: number;
      readonly picks: readonly Pick[];
    }
  | { readonly kind: 'release'; readonly tenant: number; readonly which: number }
  | { readonly kind: 'release_some'; readonly tenant: number; readonly which: number; readonly pick: Pick }
  /** What happened before the first midnight is retired. */
  | { readonly kind: 'retire'; readonly tenant: number };

/** A record, or some events of it, or a run of so many more. */
interface Pick {
  readonly record: number;
  readonly indexes: readonly number[];
  readonly more: number;
}

interface Sent {
  readonly minute: number;
  readonly route: number;
  readonly duration: number;
  readonly status: number;
}

const pick: fc.Arbitrary<Pick> = fc.record({
  record: fc.nat({ max: 1000 }),
  indexes: fc.array(fc.integer({ min: 0, max: 11 }), { maxLength: 4 }),
  more: fc.integer({ min: 0, max: 3 }),
});
const who = fc.integer({ min: 0, max: 1 });
export const happenings = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant('telemetry' as const),
        tenant: who,
        events: fc.array(
          fc.record({
            minute: fc.integer({ min: -90, max: 90 }),
            route: fc.integer({ min: 0, max: 5 }),
            duration: fc.integer({ min: 0, max: 5000 }),
            status: fc.constantFrom(200, 404, 500),
          }),
          { minLength: 1, maxLength: 12 },
        ),
      }),
    },
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant('domain' as const),
        tenant: who,
        what: fc.integer({ min: 0, max: 11 }),
        of: fc.integer({ min: 0, max: 2 }),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('quarantine' as const),
        tenant: who,
        picks: fc.array(pick, { minLength: 1, maxLength: 4 }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('release' as const),
        tenant: who,
        which: fc.nat({ max: 100 }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('release_some' as const),
        tenant: who,
        which: fc.nat({ max: 100 }),
        pick,
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('retire' as const), tenant: who }) },
  ),
  { minLength: 1, maxLength: 40 },
);

/** A log that things happen to, some of which are set aside and brought back. */
export class QuarantineWorld {
  readonly log: MemoryEventLog;
  readonly #approved = new Map<TenantId, QuarantineId[]>();
  #quarantines = 0;

  constructor(batchSize: () => number = () => 7) {
    this.log = new MemoryEventLog(batchSize);
  }

  happen(happening: Happening): void {
    const tenant = tenants[happening.tenant] ?? tenants[0]!;
    switch (happening.kind) {
      case 'telemetry':
        this.#telemetry(tenant, happening.events);
        return;
      case 'domain':
        this.#domain(tenant, happening.what, happening.of);
        return;
      case 'quarantine':
        this.#quarantine(tenant, happening.picks);
        return;
      case 'release':
        this.#release(tenant, happening.which);
        return;
      case 'release_some':
        this.#releaseSome(tenant, happening.which, happening.pick);
        return;
      case 'retire':
        this.#retire(tenant);
    }
  }

  #telemetry(tenant: TenantId, events: readonly Sent[]): void {
    const now = START_MS + this.log.events.length * 1000;
    const lines = events.map(({ minute, route, duration, status }) => {
      const shape = route % 3 === 0 ? { route: `/given/${route}` } : { path: `/made/${route}/${route}42` };
      const timestamp = new Date(now + minute * 60_000).toISOString();
      return JSON.stringify({
        type: 'api_call',
        timestamp,
        ...shape,
        status_code: status,
        duration_ms: duration / 8,
      });
    });
    this.log.append(
      tenant,
      `telemetry-${tenant}-0-20260101`,
      'TelemetryRecorded',
      // The log in memory takes whatever a record may hold.
      Buffer.from(lines.join('\n')) as unknown as JsonObject,
      {
        chunk: {
          codec: 'ndjson',
          count: lines.length,
          bytes: Buffer.byteLength(lines.join('')),
          min_time: now - 90 * 60_000,
          max_time: now + 90 * 60_000,
          received_at: now,
          producer: 'test',
          first_sequence: 0,
        },
      },
    );
  }

  #domain(tenant: TenantId, what: number, of: number): void {
    const rule_id = `rul_${tenant}${of}` as RuleId;
    const alert_id = `alr_${tenant}${of}` as AlertId;
    const key_id = `key_${tenant}${of}` as ApiKeyId;
    const condition = { metric: 'request_count', operator: '>', threshold: of } as const;
    const rule = {
      rule_id,
      name: `rule ${of}`,
      severity: 'warning',
      enabled: true,
      condition,
      window_seconds: 60,
      for_seconds: 0,
    };
    const facts: AlertFacts = {
      ...{ alert_id, rule_id, rule_name: 'a rule', severity: 'warning', group: {} },
      ...{ metric: 'request_count', operator: '>', value: 5, threshold: of, window_seconds: 60 },
      evaluated_at: new Date(START_MS).toISOString(),
    };
    const key = { key_id, tenant_id: tenant, name: 'k', scopes: ['read'], hash: 'h' };
    const kinds: readonly (readonly [string, string, object])[] = [
      [ruleStream(rule_id), 'AlertRuleDefined', rule],
      [ruleStream(rule_id), 'AlertRuleChanged', { ...rule, name: 'changed' }],
      [ruleStream(rule_id), 'AlertRuleDeleted', { rule_id }],
      [alertStream(alert_id), 'AlertPending', facts],
      [alertStream(alert_id), 'AlertFired', facts],
      [alertStream(alert_id), 'AlertAcknowledged', { by: 'usr_1' }],
      [alertStream(alert_id), 'AlertEscalated', { by: 'usr_1' }],
      [alertStream(alert_id), 'AlertResolved', { by: 'usr_1' }],
      [apiKeyStream(key_id), 'ApiKeyIssued', key],
      [apiKeyStream(key_id), 'ApiKeyRevoked', { key_id }],
      [routesStream(tenant), 'RoutePatternsDefined', { patterns: of === 0 ? [] : [`/made/${of}/{thing}`] }],
      [routesStream(tenant), 'LearnedRoutesForgotten', {}],
    ];
    const [stream, type, data] = kinds[what % kinds.length]!;
    this.log.append(tenant, stream, type, data as JsonObject);
  }

  #quarantine(tenant: TenantId, picks: Extract<Happening, { kind: 'quarantine' }>['picks']): void {
    const there = this.log.events.filter(
      (event) =>
        event.metadata.tenant_id === tenant && !isQuarantineEvent(event) && event.type !== TELEMETRY_RETIRED,
    );
    if (there.length === 0) return;
    this.#quarantines += 1;
    const quarantine_id = `qua_${this.#quarantines}` as QuarantineId;
    const records = picks.map((one) => this.#picked(there, one));
    const by = { kind: 'user', id: 'usr_1' };
    const stream = quarantineStream(tenant);
    const proposal = { quarantine_id, reason: 'a test', records, by };
    this.log.append(tenant, stream, 'QuarantineProposed', proposal as unknown as JsonObject);
    this.log.append(tenant, stream, 'QuarantineApproved', { quarantine_id, by });
    this.#approved.set(tenant, [...(this.#approved.get(tenant) ?? []), quarantine_id]);
  }

  #picked(among: readonly RecordedEvent[], { record, indexes, more }: Pick): QuarantinedRecord {
    const event = among[record % among.length]!;
    const { stream, revision, position, type } = event;
    const named = { stream, revision, position, type };
    const { chunk } = event.metadata;
    const numbers = [...new Set(indexes)].sort((a, b) => a - b);
    if (chunk && numbers.length > 0)
      return { ...named, indexes: numbers.map((n): IndexRange => [n, n]), count: chunk.count };
    const last = among.find(
      (one) => one.stream === stream && one.type === type && one.revision === revision + more,
    );
    const all = among.filter((one) => one.stream === stream && isBetween(one, revision, revision + more));
    return last && more > 0 && all.length === more + 1 && all.every((one) => one.type === type)
      ? { ...named, through: { revision: last.revision, position: last.position } }
      : named;
  }

  /** Brings back some of what a quarantine names, whether it is still set aside or not. */
  #releaseSome(tenant: TenantId, which: number, pick: Pick): void {
    const approved = this.#approved.get(tenant) ?? [];
    const quarantine_id = approved[which % Math.max(1, approved.length)];
    const proposed = this.log.events.find(
      ({ type, data }) =>
        type === 'QuarantineProposed' && (data as JsonObject).quarantine_id === quarantine_id,
    );
    if (!quarantine_id || !proposed) return;
    const { records } = proposed.data as unknown as { readonly records: readonly QuarantinedRecord[] };
    const places = records.flatMap((record) => this.#placesOf(record));
    const among = this.log.events.filter(({ position }) => places.includes(position));
    const by = { kind: 'user', id: 'usr_1' };
    const said = { quarantine_id, records: [this.#picked(among, pick)], by };
    const stream = quarantineStream(tenant);
    this.log.append(tenant, stream, 'QuarantinePartlyReleased', said as unknown as JsonObject);
  }

  #placesOf({ stream, revision, through }: QuarantinedRecord): readonly string[] {
    return this.log.events
      .filter((event) => event.stream === stream && isBetween(event, revision, through?.revision ?? revision))
      .map(({ position }) => position);
  }

  #release(tenant: TenantId, which: number): void {
    const approved = this.#approved.get(tenant) ?? [];
    const quarantine_id = approved[which % Math.max(1, approved.length)];
    if (!quarantine_id) return;
    this.#approved.set(
      tenant,
      approved.filter((one) => one !== quarantine_id),
    );
    this.log.append(tenant, quarantineStream(tenant), 'QuarantineReleased', {
      quarantine_id,
      by: { kind: 'user', id: 'usr_1' },
    });
  }

  /** The lines that are named; of a record that is no chunk its only one. */
  *#linesOf(
    records: readonly QuarantinedRecord[],
  ): Iterable<readonly [position: string, lines: readonly number[]]> {
    for (const record of records)
      for (const position of this.#placesOf(record)) {
        const count =
          this.log.events.find((event) => event.position === position)?.metadata.chunk?.count ?? 1;
        yield [
          position,
          record.indexes?.map(([first]) => first) ?? Array.from({ length: count }, (_, n) => n),
        ];
      }
  }

  #retire(tenant: TenantId): void {
    const chunks = this.log.events
      .filter(({ type, metadata }) => type === 'TelemetryRecorded' && metadata.tenant_id === tenant)
      .map((event) => {
        const times = linesOf(event).map((line) =>
          Date.parse((JSON.parse(line) as { timestamp: string }).timestamp),
        );
        const { stream, revision, position, metadata } = event;
        const [min_time, max_time] = [Math.min(...times), Math.max(...times)];
        const { recorded_at } = metadata;
        return { stream, revision, position, recorded_at, count: times.length, min_time, max_time };
      })
      .filter(({ max_time }) => max_time < START_MS);
    if (chunks.length === 0) return;
    const retired = {
      ...{ days: 1, before: new Date(START_MS).toISOString(), records: rangesOf(chunks) },
      ...statementOf(chunks),
    };
    this.log.append(tenant, retirementsStream(tenant), TELEMETRY_RETIRED, retired);
  }

  /** The log as it would be had what is set aside never been there, worked out on its own: by its records and lines. */
  clean(batchSize: () => number = () => 7): MemoryEventLog {
    const proposed = new Map<string, readonly QuarantinedRecord[]>();
    /** Of each quarantine that stands, the lines that are gone of each record. */
    const standing = new Map<string, Map<string, Set<number>>>();
    for (const { type, data } of this.log.events) {
      const { quarantine_id, records } = data as unknown as {
        quarantine_id: string;
        records: readonly QuarantinedRecord[];
      };
      if (type === 'QuarantineProposed') proposed.set(quarantine_id, records);
      if (type === 'QuarantineApproved') {
        const lines = new Map<string, Set<number>>();
        for (const [position, numbers] of this.#linesOf(proposed.get(quarantine_id) ?? []))
          lines.set(position, new Set([...(lines.get(position) ?? []), ...numbers]));
        standing.set(quarantine_id, lines);
      }
      if (type === 'QuarantinePartlyReleased')
        for (const [position, numbers] of this.#linesOf(records))
          for (const number of numbers) standing.get(quarantine_id)?.get(position)?.delete(number);
      if (type === 'QuarantineReleased') standing.delete(quarantine_id);
    }
    const gone = new Map<string, Set<number>>();
    for (const lines of standing.values())
      for (const [position, numbers] of lines)
        gone.set(position, new Set([...(gone.get(position) ?? []), ...numbers]));
    const clean = new MemoryEventLog(batchSize);
    clean.events.push(...this.log.events.flatMap((event) => lessen(event, gone.get(event.position))));
    return clean;
  }
}

const linesOf = ({ data }: RecordedEvent): readonly string[] =>
  Buffer.from(data as Uint8Array)
    .toString()
    .split('\n');

const isBetween = ({ revision }: RecordedEvent, from: number, to: number): boolean =>
  revision >= from && revision <= to;

const lessen = (event: RecordedEvent, gone: ReadonlySet<number> | undefined): readonly RecordedEvent[] => {
  // What sets aside is not in a log that never had what it sets aside.
  if (isQuarantineEvent(event)) return [];
  if (gone === undefined || gone.size === 0) return [event];
  const { chunk } = event.metadata;
  if (!chunk) return [];
  const lines = linesOf(event).filter((_line, n) => !gone.has(n));
  if (lines.length === 0) return [];
  const bytes = Buffer.byteLength(lines.join(''));
  return [
    {
      ...event,
      data: Buffer.from(lines.join('\n')),
      metadata: { ...event.metadata, chunk: { ...chunk, count: lines.length, bytes } },
    },
  ];
};
