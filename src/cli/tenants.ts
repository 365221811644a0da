import { TenantLimits } from '../domain/tenancy/limits.js';
import { operatorClient } from './operator-client.js';
import { CliError, configure, count, print, table } from './output.js';
import { findServer } from './server-address.js';

type Name = keyof TenantLimits;

/** What the server says of a tenant. */
interface Holding {
  readonly limits: TenantLimits;
  readonly own: TenantLimits;
  readonly version: number;
  readonly today: { readonly day: string; readonly events: number; readonly bytes: number };
}

const names = Object.keys(TenantLimits.properties) as Name[];
const isName = (text: string): text is Name => (names as readonly string[]).includes(text);

/** Limits with some of them changed: `batch_events=500` sets one, `batch_events=default` leaves it to the server. */
const changed = (own: TenantLimits, changes: readonly string[]): TenantLimits => {
  const limits = new Map<string, number>(Object.entries(own));
  for (const change of changes) {
    const [name = '', value = ''] = change.split('=', 2);
    if (!isName(name)) throw new CliError(`${name} is no limit.`, `There are ${names.join(', ')}.`, 2);
    if (value === 'default') limits.delete(name);
    else if (/^\d{1,15}$/.test(value)) limits.set(name, Number(value));
    else throw new CliError(`${change} is no whole number, and not default.`, undefined, 2);
  }
  return Object.fromEntries(limits);
};

const shown = ({ limits, own, today }: Holding): string =>
  [
    table(
      names.map((name) => [
        name,
        limits[name] ?? 'none',
        own[name] === undefined ? 'as the server is configured' : 'set for this tenant',
      ]),
    ),
    `Stored on ${today.day} (UTC): ${count(today.events)} events, ${count(today.bytes)} bytes.`,
  ].join('\n');

/** `tenants limits TENANT [NAME=VALUE…]`: shows them, after changing what is to be changed. */
export const tenantLimits = async (
  tenant: string,
  changes: readonly string[],
  options: { json: boolean },
): Promise<void> => {
  const config = configure();
  const server = await findServer(config);
  if (!server)
    throw new CliError('No server runs on this data directory.', 'Limits are set on one: pulsestream serve.');
  const ask = await operatorClient(server, config);
  const path = `/_ops/tenants/${encodeURIComponent(tenant)}/limits`;
  let holding = await ask<Holding>('GET', path);
  if (changes.length > 0) {
    const limits = changed(holding.own, changes);
    await ask('PUT', path, limits, { 'if-match': `"v${holding.version}"` });
    holding = await ask<Holding>('GET', path);
  }
  print(options.json, holding, () => shown(holding));
};
