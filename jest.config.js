const tier = (name, suffix) => ({
  displayName: name,
  rootDir: import.meta.dirname,
  testMatch: [`<rootDir>/test/**/*.${suffix}.ts`],
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.tsx?$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript', tsx: true }, target: 'es2022' }, module: { type: 'es6' } },
    ],
  },
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/packages/client/dist/', '<rootDir>/data/'],
});

/** Three tiers by file name: `.unit` loads no container and takes seconds, `.int` uses real stores, `.e2e` a started server. */
export default {
  projects: [tier('unit', 'unit'), tier('int', 'int'), tier('e2e', 'e2e')],
  coverageProvider: 'v8',
  reporters: ['default', '<rootDir>/test/support/closing-line-reporter.mjs'],
  // Ends a test that hangs; a busy machine must not.
  testTimeout: 600_000,
  // Tests wait for disks and servers more than they compute. A worker that has loaded many modules is replaced.
  maxWorkers: 2,
  workerIdleMemoryLimit: '1GB',
};
