import { personFields, type PersonField } from '../domain/erasure/erasure.js';
import { operatorClient, type OperatorClient } from './operator-client.js';
import { CliError, configure, count, print } from './output.js';
import { showProgress } from './progress.js';
import { findServer } from './server-address.js';

interface Options {
  readonly tenant: string;
  readonly json: boolean;
}

interface Erasing extends Options {
  readonly userId?: string;
  readonly consumer?: string;
  readonly reason?: string;
  readonly dryRun: boolean;
  readonly wait: boolean;
}

/** What the server says of an erasure. */
interface ShownErasure {
  readonly id: string;
  readonly status: 'requested' | 'found' | 'completed';
  readonly chunks: number;
  readonly events: number;
  readonly search_share?: number;
  readonly rewritten?: boolean;
  readonly unlinked?: boolean;
  readonly named_in?: number;
}

const FOLLOW_MS = 500;

const server = async (): Promise<OperatorClient> => {
  const config = configure();
  const found = await findServer(config);
  if (!found)
    throw new CliError('No server runs on this data directory.', 'It erases itself: pulsestream serve.');
  return operatorClient(found, config);
};

/** The one field that was named, and its value. */
const personIn = ({ userId: user_id, consumer }: Erasing): { field: PersonField; value: string } => {
  const given = { user_id, consumer };
  const named = personFields.flatMap((field) => {
    const value = given[field];
    return value === undefined ? [] : [{ field, value }];
  });
  const [person] = named;
  if (!person || named.length > 1)
    throw new CliError('Whose telemetry is meant?', 'Name either --user-id or --consumer.', 2);
  return person;
};

/** `erase telemetry --tenant ID (--user-id VALUE | --consumer VALUE) [--dry-run]` */
export const eraseTelemetry = async (options: Erasing): Promise<void> => {
  const { tenant: tenant_id, reason, dryRun, wait, json } = options;
  const person = { ...personIn(options), tenant_id };
  const ask = await server();
  if (dryRun) {
    const counted = await ask<Pick<ShownErasure, 'chunks' | 'events'>>(
      'POST',
      '/api/v2/audit/erasures/count',
      person,
    );
    print(json, { dry_run: true, ...counted }, () =>
      [
        `${count(counted.events)} events in ${count(counted.chunks)} chunks would be cut out.`,
        'Nothing was done.',
      ].join('\n'),
    );
    return;
  }
  const { erasure_id } = await ask<{ erasure_id: string }>('POST', '/api/v2/audit/erasures', {
    ...person,
    ...(reason !== undefined && { reason }),
  });
  const follow = (): Promise<ShownErasure> => ask('GET', pathOf(erasure_id, tenant_id));
  show(wait ? await toEnd(follow, json) : await follow(), json);
};

/** `erase status ID --tenant ID` */
export const erasureStatus = async (id: string, { tenant, json }: Options): Promise<void> => {
  const ask = await server();
  show(await ask<ShownErasure>('GET', pathOf(id, tenant)), json);
};

const pathOf = (id: string, tenant: string): string =>
  `/api/v2/audit/erasures/${encodeURIComponent(id)}?tenant_id=${encodeURIComponent(tenant)}`;

/** Follows an erasure until it is completed; it goes on in the server, whatever becomes of this program. */
const toEnd = async (follow: () => Promise<ShownErasure>, json: boolean): Promise<ShownErasure> => {
  const progress = showProgress('Looking', '% of the log', 100, json);
  try {
    for (;;) {
      const erasure = await follow();
      progress.update(erasure.status === 'requested' ? Math.floor(100 * (erasure.search_share ?? 0)) : 100);
      if (erasure.status === 'completed') return erasure;
      await new Promise((resolve) => setTimeout(resolve, FOLLOW_MS));
    }
  } finally {
    progress.stop();
  }
};

const show = (erasure: ShownErasure, json: boolean): void => {
  print(json, erasure, () => {
    const { id, status, chunks, events, rewritten, unlinked, named_in } = erasure;
    const cut = `${count(events)} events in ${count(chunks)} chunks`;
    if (status !== 'completed') return `${id} is under way: ${cut} are shown no more so far.`;
    if (rewritten) return `✓ ${id}: ${cut} are cut out of the log’s files.`;
    const shownNowhere = `✓ ${id}: ${cut} are shown nowhere; EventStoreDB keeps them in its database`;
    if (unlinked) return `${shownNowhere}, under a pseudonym that nobody can tell the person from.`;
    return named_in === undefined
      ? `${shownNowhere}.`
      : `${shownNowhere}, where ${count(named_in)} chunks of an earlier release name the person.`;
  });
};
