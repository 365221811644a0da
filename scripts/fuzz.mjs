/** `npm run fuzz [-- options]`: installs, builds, and compares two ways of reading the same generated bodies. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { build, buildBench, install, root } from './prepare.mjs';

install();
build();
buildBench();
const fuzz = spawn(
  process.execPath,
  [join(root, 'dist', 'test', 'fuzz', 'main.js'), ...process.argv.slice(2)],
  { cwd: root, stdio: 'inherit' },
);
fuzz.on('exit', (code) => process.exit(code ?? 1));
