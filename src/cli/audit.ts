import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { writeVerifierKey } from '../domain/integrity/signed-note.js';
import { readKey } from '../platform/secrets.js';
import { logSigner } from '../processes/checkpoints/log-signer.js';
import { configure, print } from './output.js';

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

/** `audit key`: what an auditor needs to check the log's signatures. */
export const showKey = async (options: { json: boolean }): Promise<void> => {
  const { PULSESTREAM_DATA_DIR, PULSESTREAM_LOG_ORIGIN } = configure();
  const { key } = logSigner(await readKey(PULSESTREAM_DATA_DIR, 'logSigning'), PULSESTREAM_LOG_ORIGIN);
  const verifier_key = writeVerifierKey(key);
  print(options.json, { origin: key.name, verifier_key }, () => verifier_key);
};
