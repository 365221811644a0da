import { Type, type Static } from 'typebox';
import { MAX_EVENT_BYTES } from '../telemetry/event-limits.js';

const MEBIBYTE = 1024 * 1024;
/** Beyond this, counting in doubles would not be exact. */
const MOST = 1e12;

const limit = (minimum: number, maximum: number, description: string) =>
  Type.Optional(Type.Integer({ minimum, maximum, description }));

/**
 * What an operator allows a tenant. What is absent is as the server is configured; without a quota a day has none.
 * Stored format: names and meanings are on disk for good.
 */
export const TenantLimits = Type.Object(
  {
    requests_per_minute: limit(1, MOST, 'Requests of each credential, telemetry aside.'),
    tenant_requests_per_minute: limit(
      1,
      MOST,
      'Those of all credentials together; default: ten times those of one.',
    ),
    events_per_minute: limit(1, MOST, 'Telemetry events.'),
    key_events_per_minute: limit(1, MOST, 'Those of each credential; default: as many as of all.'),
    burst_seconds: limit(1, 3600, 'How many seconds’ worth of a minute’s may be used at once after a pause.'),
    batch_events: limit(1, 50_000, 'Events of one request.'),
    body_bytes: limit(1024, 64 * MEBIBYTE, 'A body with several events, on the wire and decompressed.'),
    event_bytes: limit(64, MAX_EVENT_BYTES, 'The JSON text of one event.'),
    routes: limit(10, 2_000, 'Routes that are made of paths, before some are shown as one.'),
    events_per_day: limit(0, MOST, 'Events stored in a day, UTC.'),
    bytes_per_day: limit(0, MOST, 'Bytes of the JSON texts stored in a day, UTC.'),
  },
  { additionalProperties: false, title: 'TenantLimits' },
);
export type TenantLimits = Static<typeof TenantLimits>;

/** What holds for somebody. Sizes that are absent are as large as the format allows; a quota that is absent is none. */
export type Limits = TenantLimits &
  Required<
    Pick<
      TenantLimits,
      | 'requests_per_minute'
      | 'tenant_requests_per_minute'
      | 'events_per_minute'
      | 'key_events_per_minute'
      | 'burst_seconds'
      | 'routes'
    >
  >;

/** What holds for a tenant: its own, else the server's. A limit for all follows the one for each, and the other way. */
export const limitsOf = (own: TenantLimits, server: Limits): Limits => {
  const { requests_per_minute, events_per_minute } = own;
  return {
    ...server,
    ...(requests_per_minute !== undefined && { tenant_requests_per_minute: 10 * requests_per_minute }),
    ...(events_per_minute !== undefined && { key_events_per_minute: events_per_minute }),
    ...own,
  };
};

/** Whether two say the same. */
export const sameLimits = (one: TenantLimits, other: TenantLimits): boolean =>
  Object.keys(TenantLimits.properties).every(
    (name) => one[name as keyof TenantLimits] === other[name as keyof TenantLimits],
  );
