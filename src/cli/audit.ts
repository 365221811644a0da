import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { writeVerifierKey } from '../domain/integrity/signed-note.js';
import { readKey } from '../platform/secrets.js';
import { logSigner } from '../processes/checkpoints/log-signer.js';
import { copyServerLog } from '../stores.js';
import { CliError, configure, print } from './output.js';

/** While a copy is made, how far it is is told every so many milliseconds. */
const QUIET_MS = 5_000;

/** `audit verify`: the verifier is a program of its own, and is run as one. */
export const verifyAudit = async (args: readonly string[]): Promise<void> => {
  const program = fileURLToPath(new URL('../verifier/main.js', import.meta.url));
  const data = args.some((arg) => arg === '--data' || arg.startsWith('--data=') || arg === '--help')
    ? []
    : ['--data', configure().PULSESTREAM_DATA_DIR];
  const child = spawn(process.execPath, [program, ...data, ...args], { stdio: 'inherit' });
  const [code] = (await once(child, 'close')) as [number | null];
  process.exitCode = code ?? 2;
};

/** `audit export`: a copy of a log that a server keeps, in the form that `audit verify` reads. */
export const exportLog = async (options: { readonly to: string; readonly json: boolean }): Promise<void> => {
  const { EVENTSTOREDB_URL: url, PULSESTREAM_DATA_DIR: data } = configure();
  if (!url)
    throw new CliError(
      'This log is in files already: a copy of the data directory is all that is needed.',
      `pulsestream audit verify --data ${data}`,
      2,
    );
  let read = 0;
  let shown = performance.now();
  const copied = await copyServerLog(url, options.to, (count) => {
    read += count;
    if (options.json || performance.now() - shown < QUIET_MS) return;
    shown = performance.now();
    console.error(`· ${read.toLocaleString('en-GB')} records copied`);
  });
  print(options.json, { ok: true, to: options.to, ...copied }, () =>
    [
      `✓ ${copied.records.toLocaleString('en-GB')} records in ${options.to}`,
      `  pulsestream audit verify --data ${options.to} --key KEY --witness COPY`,
    ].join('\n'),
  );
};

/** `audit key`: what an auditor needs to check the log's signatures. */
export const showKey = async (options: { json: boolean }): Promise<void> => {
  const { PULSESTREAM_DATA_DIR, PULSESTREAM_LOG_ORIGIN } = configure();
  const { key } = logSigner(await readKey(PULSESTREAM_DATA_DIR, 'logSigning'), PULSESTREAM_LOG_ORIGIN);
  const verifier_key = writeVerifierKey(key);
  print(options.json, { origin: key.name, verifier_key }, () => verifier_key);
};
