import type { ReportedRecord } from '../replay/detection/judged.js';
import { operatorOfServer, queryOf } from './operator-client.js';
import { CliError, count, print, table } from './output.js';

interface Output {
  readonly json: boolean;
}

/** What the server says of a deployment's records. */
interface Report {
  readonly deployment_id: string;
  readonly release: string;
  readonly mode: string;
  readonly begin: string;
  readonly end?: string;
  readonly count: number;
  readonly records: readonly (ReportedRecord & { readonly set_aside: boolean })[];
  readonly only_by_provenance: readonly string[];
  readonly only_by_window: readonly string[];
  readonly next_after: string | null;
}

interface Quarantine {
  readonly id: string;
  readonly status: string;
  readonly reason: string;
  readonly record_count: number;
  readonly deployment_id?: string;
}

/** `audit deployment ID`: exits with 1 where something is found that is shown. */
export const auditDeployment = async (
  id: string,
  { json, tenant }: Output & { readonly tenant?: string },
): Promise<void> => {
  const ask = await operatorOfServer();
  const path = `/api/v2/audit/deployments/${encodeURIComponent(id)}/records`;
  const pages: Report[] = [];
  for (let after: string | null | undefined; after !== null; after = pages.at(-1)?.next_after ?? null)
    pages.push(await ask<Report>('GET', path + queryOf({ tenant_id: tenant, after: after ?? undefined })));
  const [first] = pages;
  if (!first) return;
  const report = {
    ...first,
    records: pages.flatMap(({ records }) => records),
    only_by_provenance: pages.flatMap(({ only_by_provenance }) => only_by_provenance),
    only_by_window: pages.flatMap(({ only_by_window }) => only_by_window),
    next_after: null,
  };
  if (report.records.some(({ set_aside }) => !set_aside)) process.exitCode = 1;
  print(json, report, () => told(report));
};

const told = (report: Report): string => {
  const { deployment_id, release, records, only_by_provenance, only_by_window } = report;
  const heading = `${deployment_id}, release ${release}, guard ${report.mode}, from ${report.begin} to ${report.end ?? 'now'}`;
  if (records.length === 0) return `✓ ${heading}: nothing is to be found in it.`;
  const rows = records.map(
    ({ position, tenant_id = '-', type, count: events, score, reasons, set_aside }) => [
      ...[position, tenant_id, type, events, score.toFixed(2)],
      reasons
        .map(({ code, detail }) => (code.startsWith('declared_') ? `${code} (${detail})` : code))
        .join(', '),
      set_aside ? 'set aside' : '',
    ],
  );
  return [
    `✖ ${heading}: ${count(report.count)} records are to be looked at.`,
    table([['position', 'tenant', 'type', 'events', 'score', 'because', ''], ...rows]),
    ...only_by_provenance.map((one) => `  ${one} is stamped with it and stands elsewhere.`),
    ...only_by_window.map((one) => `  ${one} stands in it and is not stamped with it.`),
  ].join('\n');
};

interface Naming extends Output {
  readonly tenant: string;
}

/** `audit quarantine list --tenant TENANT` */
export const listQuarantines = async ({ json, tenant, status }: Naming & { readonly status?: string }) => {
  const ask = await operatorOfServer();
  const quarantines: Quarantine[] = [];
  for (let cursor: string | null | undefined; cursor !== null;) {
    const parameters = queryOf({ tenant_id: tenant, status, cursor });
    const page = await ask<{ data: readonly Quarantine[]; next_cursor: string | null }>(
      'GET',
      `/api/v2/audit/quarantine${parameters}`,
    );
    quarantines.push(...page.data);
    cursor = page.next_cursor;
  }
  print(json, { quarantines }, () =>
    quarantines.length === 0
      ? 'Nothing is set aside, nor proposed to be.'
      : table([
          ['quarantine', 'status', 'records', 'reason'],
          ...quarantines.map((one) => [one.id, one.status, one.record_count, one.reason]),
        ]),
  );
};

/** `audit quarantine propose (--deployment ID | --event ID… | --position POSITION…)` */
export const proposeQuarantine = async ({
  json,
  tenant: tenant_id,
  reason,
  deployment: deployment_id,
  event,
  position,
}: Naming & {
  readonly reason: string;
  readonly deployment?: string;
  readonly event?: readonly string[];
  readonly position?: readonly string[];
}): Promise<void> => {
  const records = named(event, position);
  if ((records.length === 0) === (deployment_id === undefined))
    throw new CliError('What is to be set aside?', 'Name a deployment, or events and positions.', 2);
  const ask = await operatorOfServer();
  const proposed = await ask<{ quarantine_id: string; record_count: number; remaining: number }>(
    'POST',
    '/api/v2/audit/quarantine',
    { tenant_id, reason, ...(deployment_id === undefined ? { records } : { deployment_id }) },
  );
  const { quarantine_id, record_count, remaining } = proposed;
  print(json, proposed, () =>
    [
      `✓ ${quarantine_id} proposes to set ${count(record_count)} records aside.`,
      ...(remaining > 0
        ? [`  ${count(remaining)} more did not fit: propose again once it is approved.`]
        : []),
      `  Approve it: pulsestream audit quarantine approve ${quarantine_id} --tenant ${tenant_id}`,
    ].join('\n'),
  );
};

interface Deciding {
  readonly note?: string;
  readonly event?: readonly string[];
  readonly position?: readonly string[];
}

const named = (event: readonly string[] = [], position: readonly string[] = []): readonly object[] => [
  ...event.map((event_id) => ({ event_id })),
  ...position.map(selectorOf),
];

/** `POSITION`, or `POSITION..POSITION` for all from one to another. */
const selectorOf = (text: string): object => {
  const [position, through_position] = text.split('..', 2);
  return { position, ...(through_position !== undefined && { through_position }) };
};

/** `audit quarantine approve ID`, `audit quarantine release ID [--event ID…] [--position POSITION…]` */
export const decideQuarantine =
  (word: 'approve' | 'release') =>
  async (id: string, { json, tenant: tenant_id, note, event, position }: Naming & Deciding) => {
    const records = named(event, position);
    const ask = await operatorOfServer();
    const path = `/api/v2/audit/quarantine/${encodeURIComponent(id)}/${word}`;
    const decided = await ask<object>('POST', path, {
      tenant_id,
      ...(note !== undefined && { note }),
      ...(records.length > 0 && { records }),
    });
    print(json, decided, () => (word === 'approve' ? `✓ ${id}: set aside.` : `✓ ${id}: released.`));
  };
