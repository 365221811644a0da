/** `npm start`: installs, builds, initialises the data directory where there is none, and serves. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { build, install, root, run } from './prepare.mjs';

install();
build();
const cli = join(root, 'dist', 'src', 'cli', 'main.js');
run(process.execPath, [cli, 'init', '--if-missing']);
const server = spawn(process.execPath, [cli, 'serve', ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => server.kill(signal));
server.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
