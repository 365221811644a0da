/** `npm run bench [-- options]`: installs, builds, and runs the benchmarks against the compiled server. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { build, buildBench, install, root } from './prepare.mjs';

install();
build();
buildBench();
const bench = spawn(
  process.execPath,
  ['--expose-gc', join(root, 'dist', 'bench', 'main.js'), ...process.argv.slice(2)],
  { cwd: root, stdio: 'inherit' },
);
bench.on('exit', (code) => process.exit(code ?? 1));
