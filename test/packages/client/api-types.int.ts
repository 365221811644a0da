import { describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const source = join(root, 'packages', 'client', 'src');

type Node = Readonly<Record<string, unknown>>;
const nodeOf = (value: unknown): Node => (typeof value === 'object' && value !== null ? (value as Node) : {});
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

const document = nodeOf(JSON.parse(readFileSync(join(root, 'docs', 'openapi.v1.json'), 'utf8')));
const schemas = nodeOf(nodeOf(document.components).schemas);

/** A schema as a TypeScript type. */
const typeOf = (schema: Node): string => {
  if (typeof schema.$ref === 'string') return `Document.${schema.$ref.split('/').at(-1) ?? ''}`;
  if (Array.isArray(schema.anyOf)) return schema.anyOf.map((part) => `(${typeOf(nodeOf(part))})`).join(' | ');
  if (Array.isArray(schema.enum)) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  switch (schema.type) {
    case 'array':
      return `readonly (${typeOf(nodeOf(schema.items))})[]`;
    case 'object':
      return objectOf(schema);
    case 'integer':
      return 'number';
    case 'string':
    case 'number':
    case 'boolean':
    case 'null':
      return schema.type;
    default:
      return 'unknown';
  }
};

const objectOf = (schema: Node): string => {
  const [pattern] = Object.values(nodeOf(schema.patternProperties));
  const others = pattern ?? (typeof schema.additionalProperties === 'object' && schema.additionalProperties);
  if (others) return `Readonly<Record<string, ${typeOf(nodeOf(others))}>>`;
  const required = listOf(schema.required);
  const fields = Object.entries(nodeOf(schema.properties)).map(
    ([name, part]) =>
      `readonly ${JSON.stringify(name)}${required.includes(name) ? '' : '?'}: ${typeOf(nodeOf(part))};`,
  );
  return `{ ${fields.join(' ')} }`;
};

const operation = (method: string, path: string): Node =>
  nodeOf(nodeOf(nodeOf(document.paths)[`/api/v1${path}`])[method]);

/** A query's parameters; numbers are text on the wire, and what the client joins is a list to its callers. */
const queryOf = (path: string): string => {
  const fields = listOf(operation('get', path).parameters).map((parameter) => {
    const { name, schema } = nodeOf(parameter);
    const isTime = name === 'from' || name === 'to';
    return `readonly ${String(name)}?: ${isTime ? 'string | number' : typeOf(nodeOf(schema))};`;
  });
  return `{ ${fields.join(' ')} }`;
};

const body = (method: string, path: string): string =>
  typeOf(
    nodeOf(nodeOf(nodeOf(nodeOf(operation(method, path).requestBody).content)['application/json']).schema),
  );

const answerOf = (method: string, path: string, status = '200'): string => {
  const response = nodeOf(nodeOf(operation(method, path).responses)[status]);
  return typeOf(nodeOf(nodeOf(nodeOf(response.content)['application/json']).schema));
};

const document_types = `declare namespace Document {
${Object.entries(schemas)
  .map(([name, schema]) => `type ${name} = ${typeOf(nodeOf(schema))};`)
  .join('\n')}
}`;

/** What the server answers is what the client says it answers, and nothing is said that the document does not have. */
const answers: Readonly<Record<string, string>> = {
  Overview: 'Document.Overview',
  Statistics: 'Document.Statistics',
  StatisticsRow: 'Document.StatisticsRow',
  StoredEvent: 'Document.TelemetryEvent',
  Alert: 'Document.Alert',
  AlertSummary: 'Document.AlertSummary',
  Rule: 'Document.Rule',
  Totals: 'Document.Totals',
  SeriesPoint: 'Document.SeriesPoint',
  RouteStatistics: 'Document.RouteStatistics',
  ServiceStatistics: 'Document.ServiceStatistics',
  Problem: 'Document.Problem',
  'Page<Client.StoredEvent>': answerOf('get', '/ingestion/events/search'),
  'Page<Client.Alert>': answerOf('get', '/alerting/alerts'),
  'Page<Client.Rule>': answerOf('get', '/alerting/rules'),
  AlertAction: answerOf('post', '/alerting/alerts/{alert_id}/acknowledge'),
};
/** What the client lets its callers send is what the server takes. */
const inputs: Readonly<Record<string, string>> = {
  TelemetryEvent: 'Document.SentTelemetryEvent',
  RuleDefinition: body('post', '/alerting/rules'),
  MetricCondition: 'Document.MetricCondition',
  SearchQuery: queryOf('/ingestion/events/search'),
  AlertsQuery: queryOf('/alerting/alerts'),
  "StatisticsQuery, 'group_by'>": queryOf('/ingestion/events/statistics'),
};

const nameOf = (client: string): string =>
  client.endsWith('>') && !client.includes('<') ? `Omit<Client.${client}` : `Client.${client}`;

const program = (change: (types: string) => string = (types) => types): string => `
import type * as Client from ${JSON.stringify(join(source, 'index.js'))};
${change(document_types)}
type Keys<T> = T extends unknown ? keyof T : never;
type None<T extends never> = T;
${Object.entries(answers)
  .map(
    ([client, api], n) => `export const answer${String(n)} = (given: ${api}): ${nameOf(client)} => given;
export type Unknown${String(n)} = None<Exclude<Keys<${nameOf(client)}>, Keys<${api}>>>;`,
  )
  .join('\n')}
${Object.entries(inputs)
  .map(
    ([client, api], n) => `export const input${String(n)} = (given: ${nameOf(client)}): ${api} => given;
export type NotTaken${String(n)} = None<Exclude<Keys<${nameOf(client)}>, Keys<${api}>>>;`,
  )
  .join('\n')}
`;

/** Checks a program's types; its errors. */
const check = (text: string): string => {
  const directory = mkdtempSync(join(tmpdir(), 'pulsestream-types-'));
  try {
    const file = join(directory, 'check.mts');
    writeFileSync(file, text);
    writeFileSync(
      join(directory, 'tsconfig.json'),
      JSON.stringify({
        extends: join(root, 'tsconfig.json'),
        compilerOptions: {
          noEmit: true,
          rootDir: '/',
          types: ['node'],
          typeRoots: [join(root, 'node_modules', '@types')],
        },
        files: [file],
        include: [],
      }),
    );
    const tsc = join(root, 'node_modules', '@typescript', 'native', 'bin', 'tsc');
    return spawnSync(process.execPath, [tsc, '-p', directory], { encoding: 'utf8' }).stdout;
  } finally {
    rmSync(directory, { recursive: true });
  }
};

describe('the client’s types', () => {
  // Conditions stand in each other without end in the client, three deep in the document.
  const conditions = (types: string): string =>
    types.replaceAll(/type Condition(?:Within\d)? = .*;/g, (line) =>
      line.startsWith('type Condition =') ? line.replaceAll(/ConditionWithin\d/g, 'Condition') : '',
    );

  it('are those of the frozen document', () => {
    expect(check(program(conditions))).toBe('');
  });

  it('are not where the document promises or takes a field less', () => {
    const less = (types: string): string =>
      conditions(types)
        .replaceAll(/readonly "p95_ms": [^;]*;/g, '')
        .replaceAll(/readonly "consumer"\?: string;/g, '');
    const errors = check(program(less));
    expect(errors).toMatch(/TS2741: Property 'p95_ms' is missing/);
    expect(errors).toMatch(/TS2344: Type '"consumer"'/);
  });
});

describe('the package', () => {
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  );

  it('needs nothing but Node', () => {
    const imports = files.flatMap((file) =>
      [...readFileSync(join(source, file), 'utf8').matchAll(/\bfrom '([^']+)'/g)].map(
        ([, from = '']) => from,
      ),
    );
    expect(imports.filter((from) => !from.startsWith('node:') && !from.startsWith('.'))).toEqual([]);
    expect(imports.length).toBeGreaterThan(20);
    const manifest: unknown = JSON.parse(
      readFileSync(join(root, 'packages', 'client', 'package.json'), 'utf8'),
    );
    for (const field of ['dependencies', 'peerDependencies', 'optionalDependencies', 'scripts'])
      expect(manifest).not.toHaveProperty(field);
  });
});
