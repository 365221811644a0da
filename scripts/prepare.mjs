/**
 * What `npm start` and `npm test` do before they begin: install what package-lock.json names and build what
 * changed. Uses nothing but Node, since nothing else is there on a fresh clone.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Runs a command in the project's root with its output shown; ends this process where it fails. */
export const run = (command, args, options = {}) => {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
};

/**
 * Runs a step unless its inputs are those of the last time it passed. The note of that lies in the folder that the
 * step fills, so that it goes where its output goes.
 */
const unlessUnchanged = (step, folder, digest, work) => {
  const stamps = join(root, folder, '.cache');
  const stamp = join(stamps, `pulsestream-${step}`);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return;
  work();
  mkdirSync(stamps, { recursive: true });
  writeFileSync(stamp, digest);
};

const digestOf = (paths) => {
  const hash = createHash('sha256').update(process.version);
  const visit = (path) => {
    if (!existsSync(path)) return;
    if (statSync(path).isDirectory()) for (const name of readdirSync(path).sort()) visit(join(path, name));
    else hash.update(path.slice(root.length)).update('\0').update(readFileSync(path));
  };
  paths.forEach((path) => visit(join(root, path)));
  return hash.digest('hex');
};

export const install = () => {
  // Linked from another checkout, they are installed there.
  if (lstatSync(join(root, 'node_modules'), { throwIfNoEntry: false })?.isSymbolicLink()) return;
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    console.error(`PulseStream needs Node 20.19 or newer; this is ${process.version}.`);
    process.exit(1);
  }
  unlessUnchanged('installed', 'node_modules', digestOf(['package-lock.json', 'package.json']), () => {
    console.log('Installing dependencies …');
    run('npm', ['ci', '--loglevel=error'], { shell: process.platform === 'win32' });
  });
};

export const build = () => {
  unlessUnchanged(
    'server',
    'dist',
    digestOf(['src', 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json']),
    () => {
      console.log('Building the server …');
      run(process.execPath, ['node_modules/@typescript/native/bin/tsc', '-p', 'tsconfig.build.json']);
    },
  );
  unlessUnchanged(
    'page',
    'web/dist',
    digestOf(['web/src', 'web/public', 'web/index.html', 'web/vite.config.ts', 'package-lock.json']),
    () => {
      console.log('Building the page …');
      run(process.execPath, ['node_modules/vite/bin/vite.js', 'build', '--logLevel=warn', 'web']);
    },
  );
};

export const buildBench = () => {
  const inputs = [
    'src',
    'bench',
    'test/support',
    'test/fuzz',
    'tsconfig.json',
    'tsconfig.bench.json',
    'package-lock.json',
  ];
  unlessUnchanged('bench', 'dist', digestOf(inputs), () => {
    console.log('Building benchmarks and fuzzer …');
    run(process.execPath, ['node_modules/@typescript/native/bin/tsc', '-p', 'tsconfig.bench.json']);
  });
};
