import type { BackupNote } from '../domain/deployment/deployment.js';
import type { Finding, Fingerprint } from '../domain/deployment/verification.js';
import type { DeploymentEnd, DeploymentHistory } from './history.js';

/** Text as HTML shows it. */
const escaped = (text: string | number): string =>
  String(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');

const row = (cells: readonly (string | number)[], tag = 'td'): string =>
  `<tr>${cells.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join('')}</tr>`;

const table = (head: readonly string[], rows: readonly (readonly (string | number)[])[]): string =>
  rows.length === 0
    ? '<p>None.</p>'
    : `<table><thead>${row(head, 'th')}</thead><tbody>${rows.map((cells) => row(cells)).join('')}</tbody></table>`;

const endings: Readonly<Record<DeploymentEnd['outcome'], string>> = {
  completed: 'Completed, after a passed verification',
  rolled_back: 'Rolled back, after a verification that everything is as before',
  overridden: 'Ended on a person’s word, without a passed verification',
};

const endOf = (end: DeploymentEnd | undefined): string => {
  if (!end) return 'Under way: the guard is up';
  const why = end.outcome === 'completed' ? '' : `: ${end.reason}`;
  const who = end.outcome === 'overridden' ? ` (${end.by})` : '';
  return `${endings[end.outcome]}${who}${why}`;
};

const backupOf = ({ place, position, records = 0, root = '' }: BackupNote): string =>
  place ?? `EventStoreDB’s own, up to position ${position}: ${String(records)} records with the root ${root}`;

const findingRows = (findings: readonly Finding[]) =>
  findings.map(({ code, position = '', stream = '', detail }) => [code, position, stream, detail]);

const before = ({ position, records, root, categories, read_models }: Fingerprint): string => `
<h2>Before</h2>
<p>${escaped(records)} records up to position <code>${escaped(position)}</code>, Merkle root <code>${escaped(root)}</code>.</p>
${table(
  ['Streams', 'Number', 'Records', 'Root'],
  Object.entries(categories).map(([name, one]) => [name, one.streams, one.records, one.root]),
)}
${table(
  ['Read model', 'Version', 'Documents', 'Digest'],
  read_models.map(({ name, version, documents, digest }) => [name, version, documents, digest]),
)}`;

/** A deployment's report as a page that can be printed: no script, no link, nothing from elsewhere. */
export const deploymentPage = (history: DeploymentHistory, made_at: string): string => {
  const { deployment_id, release, mode, begun, measured, verified, end } = history;
  const facts: readonly (readonly [string, string])[] = [
    ['Deployment', deployment_id],
    ['Release', release],
    [
      'Guard',
      mode === 'strict' ? 'strict: nothing was written' : 'allow_ingest: telemetry was taken, and marked',
    ],
    ['Begun', `${begun.at}, by release ${begun.release} on ${begun.instance_id}`],
    ['Ended', end?.at ?? ''],
    ['Outcome', endOf(end)],
    ['Backup', measured ? backupOf(measured.backup) : ''],
  ];
  const verifications = verified.map(
    ({ at, passed, finding_count, findings, release: by }, i) => `
<h2>Verification ${String(i + 1)}: ${passed ? 'passed' : `failed with ${String(finding_count)} findings`}</h2>
<p>${escaped(at)}, by release ${escaped(by)}.</p>
${passed ? '' : table(['Finding', 'Position', 'Stream', 'What'], findingRows(findings))}
${finding_count > findings.length ? `<p>And ${String(finding_count - findings.length)} more.</p>` : ''}`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Deployment ${escaped(deployment_id)}</title>
<style>
body { font: 11pt/1.4 system-ui, sans-serif; margin: 2em auto; max-width: 60em; padding: 0 1em }
table { border-collapse: collapse; margin: .5em 0 1em; width: 100% }
th, td { border-bottom: 1px solid #999; padding: .25em .5em; text-align: left; vertical-align: top; overflow-wrap: anywhere }
code { overflow-wrap: anywhere }
@media print { body { margin: 0; max-width: none } tr { break-inside: avoid } }
</style></head><body>
<h1>Deployment of ${escaped(release)}</h1>
<table><tbody>${facts.map((cells) => row(cells)).join('')}</tbody></table>
${verifications.join('')}
${measured ? before(measured.before) : ''}
<p>Made ${escaped(made_at)} from the log.</p>
</body></html>
`;
};
