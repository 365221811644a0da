import { operatorClient } from './operator-client.js';
import { CliError, configure, print } from './output.js';
import { findServer } from './server-address.js';

/** `erase person PERSON --tenant TENANT --reason REASON`: on the server that runs, which has the keys. */
export const erasePerson = async (
  person: string,
  {
    json,
    tenant: tenant_id,
    reason,
  }: { readonly json: boolean; readonly tenant: string; readonly reason: string },
): Promise<void> => {
  const config = configure();
  const server = await findServer(config);
  if (!server) throw new CliError('No server runs on this data directory.', 'Start one: pulsestream serve.');
  const ask = await operatorClient(server, config);
  const path = `/api/v2/people/${encodeURIComponent(person)}/erase`;
  const erased = await ask<object>('POST', path, { tenant_id, reason });
  print(
    json,
    erased,
    () => `✓ ${person} is erased. Copies of keys/people that were made before still open: see to those.`,
  );
};
