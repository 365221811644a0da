import type { RetentionReport } from '../processes/retention/run-retention.js';
import { operatorClient } from './operator-client.js';
import { CliError, configure, count, print, table } from './output.js';
import { findServer } from './server-address.js';

/** What the server says of a tenant. */
interface Kept {
  readonly days: number | null;
  readonly oldest_accepted?: string;
}

const daysOf = (text: string): number | null => {
  if (text === 'none') return null;
  if (/^[1-9]\d{0,4}$/.test(text)) return Number(text);
  throw new CliError(`${text} is no number of days, and not none.`, undefined, 2);
};

/** `retention tenant TENANT [DAYS]`: shows how long telemetry is kept, after changing it where days are given. */
export const tenantRetention = async (
  tenant: string,
  days: string | undefined,
  options: { json: boolean },
): Promise<void> => {
  const wanted = days === undefined ? undefined : daysOf(days);
  const config = configure();
  const server = await findServer(config);
  if (!server)
    throw new CliError('No server runs on this data directory.', 'It is set on one: pulsestream serve.');
  const ask = await operatorClient(server, config);
  const path = `/_ops/tenants/${encodeURIComponent(tenant)}/retention`;
  if (wanted !== undefined) await ask('PUT', path, { days: wanted });
  const kept = await ask<Kept>('GET', path);
  print(options.json, kept, () =>
    kept.days === null
      ? 'Telemetry is kept for good.'
      : `Telemetry is kept for ${count(kept.days)} days: events from before ${kept.oldest_accepted ?? ''} are not taken.`,
  );
};

/** What retention came to, for people. */
export const shownRetention = ({ dry_run, tenants, dropped }: RetentionReport): string =>
  [
    tenants.length === 0
      ? 'No tenant has said how long its telemetry is kept.'
      : table([
          ['tenant', 'days', dry_run ? 'to retire from before' : 'retired from before', 'chunks', 'events'],
          ...tenants.map(({ tenant_id, days, before, chunks, events }) => [
            tenant_id,
            days,
            before,
            count(chunks),
            count(events),
          ]),
        ]),
    ...(dropped && dropped.segments > 0
      ? [
          `✓ ${count(dropped.records)} records dropped${dropped.cut > 0 ? ` and events cut out of ${count(dropped.cut)}` : ''} in ${count(dropped.segments)} segments: ${count(dropped.bytes)} bytes where there were ${count(dropped.before_bytes)}.`,
        ]
      : []),
    ...(dry_run ? ['Nothing was done.'] : []),
  ].join('\n');
