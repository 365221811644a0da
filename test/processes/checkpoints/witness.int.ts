import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { writeCheckpoint } from '../../../src/domain/integrity/checkpoint.js';
import {
  append,
  EMPTY,
  hashLeaf,
  proveConsistency,
  rootOf,
  type Hash,
} from '../../../src/domain/integrity/merkle.js';
import { checkSignature, readNote, signNote } from '../../../src/domain/integrity/signed-note.js';
import { sha256 } from '../../../src/eventstore/tree-file.js';
import { verifyEd25519 } from '../../../src/platform/signing.js';
import { logSigner } from '../../../src/processes/checkpoints/log-signer.js';
import { FileWitness, HttpWitness } from '../../../src/processes/checkpoints/witness.js';
import { removeDirectory, temporaryDirectory } from '../../support/embedded-log.js';
import { startWitness } from '../../support/witness-server.js';

const signer = logSigner(Buffer.alloc(32, 4).toString('base64url'), 'log.example/test');

/** A log's checkpoints at each size, with their proofs. */
const logOf = (name: string) => {
  const nodes = new Map<string, Hash>();
  const heads = [EMPTY];
  for (let i = 0; i < 20; i += 1)
    heads.push(
      append(sha256, heads.at(-1)!, hashLeaf(sha256, Buffer.from(`${name} ${i}`)), (node, { level, index }) =>
        nodes.set(`${level}/${index}`, node),
      ),
    );
  return {
    checkpoint: (size: number) => ({
      size,
      note: signNote(
        writeCheckpoint({ origin: signer.key.name, size, root: rootOf(sha256, heads[size]!) }),
        signer,
      ),
    }),
    prove: (size: number) => (earlier: number) =>
      proveConsistency(
        sha256,
        (all) => Promise.resolve(all.map(({ level, index }) => nodes.get(`${level}/${index}`)!)),
        earlier,
        size,
      ),
  };
};
const log = logOf('one');

describe('a witness in a file', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await temporaryDirectory();
  });
  afterAll(() => removeDirectory(directory));

  it('has each checkpoint once, one behind the other, over restarts', async () => {
    const path = join(directory, 'copies');
    for (const size of [3, 3, 7]) {
      await new FileWitness(path).publish(log.checkpoint(size));
      await new FileWitness(path).publish(log.checkpoint(size));
    }
    expect(await readFile(path, 'utf8')).toBe(`${log.checkpoint(3).note}\n${log.checkpoint(7).note}\n`);
  });

  it('keeps what is there, whatever it is', async () => {
    const path = join(directory, 'other');
    await writeFile(path, 'something\n');
    await new FileWitness(path).publish(log.checkpoint(1));
    expect(await readFile(path, 'utf8')).toBe(`something\n${log.checkpoint(1).note}\n`);
  });

  it('says that it has no copy where the file cannot be written', async () => {
    await expect(new FileWitness(join(directory, 'no', 'where')).publish(log.checkpoint(1))).rejects.toThrow(
      'ENOENT',
    );
  });
});

describe('a witness over HTTP', () => {
  let witness: Awaited<ReturnType<typeof startWitness>>;
  beforeAll(async () => {
    witness = await startWitness(signer.key);
  });
  afterAll(() => witness.stop());

  it('signs each checkpoint that goes on from the last one, and finds out where it stood', async () => {
    const one = new HttpWitness(witness.url, witness.key);
    for (const size of [3, 3, 8]) {
      const note = await one.publish(log.checkpoint(size), log.prove(size));
      expect(checkSignature(verifyEd25519, readNote(note)!, witness.key)).toMatchObject({ found: 'valid' });
      expect(checkSignature(verifyEd25519, readNote(note)!, signer.key)).toMatchObject({ found: 'valid' });
    }
    const restarted = new HttpWitness(`${witness.url}/`, witness.key);
    await restarted.publish(log.checkpoint(13), log.prove(13));
    expect(witness.latest()).toBe(13);
    expect(witness.requests).toEqual(
      ['old 0', 'old 3', 'old 3', 'old 0', 'old 8'].map((old) => `POST /witness/add-checkpoint ${old}`),
    );
  });

  it('does not sign another history, or a shorter one', async () => {
    const other = logOf('another');
    const one = new HttpWitness(witness.url, witness.key);
    await expect(one.publish(other.checkpoint(15), other.prove(15))).rejects.toThrow('422');
    await expect(one.publish(log.checkpoint(4), log.prove(4))).rejects.toThrow('longer than this one');
    expect(witness.latest()).toBe(13);
  });

  it('is not believed where it did not sign', async () => {
    witness.lie((line) => line.replace(/.{12}\n$/, 'AAAAAAAAAAA=\n'));
    const one = new HttpWitness(witness.url, witness.key);
    await expect(one.publish(log.checkpoint(14), log.prove(14))).rejects.toThrow('invalid');
    witness.lie(() => 'nothing\n');
    await expect(one.publish(log.checkpoint(15), log.prove(15))).rejects.toThrow('absent');
    const anybody = new HttpWitness(witness.url);
    expect(await anybody.publish(log.checkpoint(16), log.prove(16))).toBe(log.checkpoint(16).note);
    witness.lie(undefined);
  });
});
