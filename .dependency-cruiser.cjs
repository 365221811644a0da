/** The import rule: arrows point inwards, adapters know their port only, and nothing but the pipeline appends. */
const only = (name, from, allowed, comment) => ({
  name,
  severity: 'error',
  comment,
  from: { path: from },
  to: { path: '^src/', pathNot: allowed },
});

module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    only('domain-is-pure', '^src/domain/', ['^src/domain/'], 'The domain knows nobody.'),
    {
      name: 'domain-has-no-libraries',
      severity: 'error',
      comment: 'No I/O, framework or clock in the domain; typebox builds the schemas that are its types.',
      from: { path: '^src/domain/' },
      to: { dependencyTypes: ['npm', 'core'], pathNot: ['node_modules/typebox'] },
    },
    only('platform-stands-below', '^src/platform/', ['^src/platform/'], 'Platform wraps the machine.'),
    only('event-store-port', '^src/eventstore/[^/]+$', [
      '^src/eventstore/[^/]+$',
      '^src/domain/',
      '^src/platform/',
    ]),
    only('event-store-adapters', '^src/eventstore/([^/]+)/', [
      '^src/eventstore/$1/',
      '^src/eventstore/[^/]+$',
      '^src/domain/',
      '^src/platform/',
    ]),
    only('read-store-port', '^src/readstore/[^/]+$', [
      '^src/readstore/[^/]+$',
      '^src/eventstore/event-store\\.ts$',
      '^src/domain/',
      '^src/platform/',
    ]),
    only('read-store-adapters', '^src/readstore/([^/]+)/', [
      '^src/readstore/$1/',
      '^src/readstore/[^/]+$',
      '^src/eventstore/event-store\\.ts$',
      '^src/domain/',
      '^src/platform/',
    ]),
    only('client-ids-port', '^src/clientids/[^/]+$', ['^src/eventstore/event-store\\.ts$', '^src/domain/']),
    only('client-ids-adapters', '^src/clientids/([^/]+)/', [
      '^src/clientids/$1/',
      '^src/clientids/[^/]+$',
      '^src/eventstore/event-store\\.ts$',
      '^src/domain/',
      '^src/platform/',
    ]),
    only('commands-point-inwards', '^src/commands/', [
      '^src/commands/',
      '^src/clientids/[^/]+$',
      '^src/domain/',
      '^src/platform/',
      '^src/eventstore/[^/]+$',
      '^src/readstore/[^/]+$',
    ]),
    only('projections-point-inwards', '^src/projections/', [
      '^src/projections/',
      '^src/domain/',
      '^src/platform/',
      '^src/eventstore/[^/]+$',
      '^src/readstore/[^/]+$',
    ]),
    only('processes-point-inwards', '^src/processes/', [
      '^src/processes/',
      '^src/commands/',
      '^src/projections/',
      '^src/domain/',
      '^src/platform/',
      '^src/eventstore/[^/]+$',
      '^src/readstore/[^/]+$',
    ]),
    only('replay-points-inwards', '^src/replay/', [
      '^src/replay/',
      '^src/projections/',
      '^src/processes/',
      '^src/domain/',
      '^src/platform/',
      '^src/eventstore/[^/]+$',
      '^src/readstore/[^/]+$',
    ]),
    {
      name: 'api-knows-no-adapter',
      severity: 'error',
      from: { path: '^src/api/' },
      to: { path: ['^src/(eventstore|readstore|clientids)/[^/]+/', '^src/(cli|composition|stores|main)'] },
    },
    {
      name: 'only-the-composition-knows-inversify',
      severity: 'error',
      from: { pathNot: '^src/composition\\.ts$' },
      to: { path: 'node_modules/inversify' },
    },
    {
      name: 'only-the-composition-makes-adapters',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot: ['^src/stores\\.ts$', '^src/(eventstore|readstore|clientids)/', '^src/cli/explain\\.ts$'],
      },
      to: { path: '^src/(eventstore|readstore|clientids)/[^/]+/' },
    },
    {
      name: 'one-writer',
      severity: 'error',
      comment: 'Only the command pipeline may reach the append half of the event store.',
      from: {
        path: '^src/',
        pathNot: ['^src/commands/', '^src/eventstore/', '^src/(composition|stores)\\.ts$'],
      },
      to: { path: '^src/(commands/writer|eventstore/event-log-writer)' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default'],
    },
  },
};
