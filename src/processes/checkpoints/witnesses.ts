import { readVerifierKey } from '../../domain/integrity/signed-note.js';
import { sha256 } from '../../eventstore/tree-file.js';
import type { Config } from '../../platform/config.js';
import { FileWitness, HttpWitness, type Witness } from './witness.js';

/** The witnesses that the configuration names. Throws a RangeError where it names one by a key that is none. */
export const witnessesOf = (config: Config): readonly Witness[] => {
  const {
    PULSESTREAM_CHECKPOINT_FILE: file,
    PULSESTREAM_WITNESS_URL: url,
    PULSESTREAM_WITNESS_KEY: line,
  } = config;
  const key = line === undefined ? undefined : readVerifierKey(sha256, line);
  if (line !== undefined && !key) throw new RangeError('PULSESTREAM_WITNESS_KEY is no verifier key');
  return [
    ...(file === undefined ? [] : [new FileWitness(file)]),
    ...(url === undefined ? [] : [new HttpWitness(url, key)]),
  ];
};
