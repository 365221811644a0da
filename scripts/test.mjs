/**
 * `npm test [-- jest options]`: installs, builds, and runs every test. `npm run test:unit` runs the unit tests alone.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { build, install, root } from './prepare.mjs';

install();
const [tier, ...rest] = process.argv.slice(2);
const onlyUnit = tier === 'unit';
if (!onlyUnit) build();
const jest = spawn(
  process.execPath,
  [
    '--experimental-vm-modules',
    '--no-warnings',
    join(root, 'node_modules', 'jest', 'bin', 'jest.js'),
    ...(onlyUnit ? ['--selectProjects', 'unit', ...rest] : process.argv.slice(2)),
  ],
  { cwd: root, stdio: 'inherit', env: { ...process.env, TZ: 'UTC', LANG: 'C.UTF-8' } },
);
jest.on('exit', (code) => process.exit(code ?? 1));
