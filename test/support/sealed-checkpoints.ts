import { createHash } from 'node:crypto';
import { signatureLine, cosign, noteKey, type NoteSigner } from '../../src/domain/integrity/signed-note.js';
import type { EventLogWriter } from '../../src/eventstore/event-log-writer.js';
import type { EventLog } from '../../src/eventstore/event-store.js';
import { layoutOf } from '../../src/eventstore/embedded/layout.js';
import type { LogTree } from '../../src/eventstore/log-tree.js';
import { sha256 } from '../../src/eventstore/tree-file.js';
import { signingKey } from '../../src/platform/signing.js';
import { CheckpointSealer } from '../../src/processes/checkpoints/checkpoint-sealer.js';
import { logSigner } from '../../src/processes/checkpoints/log-signer.js';
import { recordSeal } from '../../src/processes/checkpoints/record-seal.js';
import { Snapshots } from '../../src/processes/snapshots.js';
import { commandBench } from './command-bench.js';
import type { FaultyFiles } from './faulty-files.js';
import { ManualClock } from './manual-clock.js';
import { MemoryReadStore } from './memory-read-store.js';
import { DIRECTORY } from './simulated-log.js';

const seedOf = (name: string): string => createHash('sha256').update(name).digest('base64url');

/** A log's key, the same at each run. */
export const testSigner = (name = 'log.example/test'): NoteSigner => logSigner(seedOf(name), name);

/** A witness's key. */
export const testWitness = (): NoteSigner => {
  const { public_key, sign } = signingKey(Buffer.alloc(32, 0x42));
  return { key: noteKey(sha256, 'witness.example/w1', 4, public_key), sign };
};

/** Seals a log as a server does that is started and stopped, and keeps what a witness was handed. */
export const checkpointsOn = (
  log: EventLog & EventLogWriter & { readonly tree: LogTree },
  signer = testSigner(),
) => {
  const store = new MemoryReadStore();
  const { pipeline } = commandBench({ log, store });
  const witness = testWitness();
  const copies: string[] = [];
  return {
    copies,
    seal: async (): Promise<void> => {
      const sealer = new CheckpointSealer({
        log,
        tree: log.tree,
        sha256,
        signer,
        record: recordSeal(pipeline),
        witnesses: [
          {
            name: 'witness',
            publish: ({ note }) => {
              const text = note.slice(0, note.lastIndexOf('\n\n') + 1);
              const cosigned = note + signatureLine(cosign(text, witness, 1_700_000_000));
              if (copies.at(-1) !== cosigned) copies.push(cosigned);
              return Promise.resolve(cosigned);
            },
          },
        ],
        snapshots: new Snapshots(store),
        clock: new ManualClock(),
        logger: {
          info: () => undefined,
          warn: () => undefined,
          error: (...about: unknown[]) => {
            throw new Error(JSON.stringify(about));
          },
        },
        every_ms: 5_000,
      });
      sealer.start();
      await sealer.stop();
    },
  };
};

/** The bytes of a simulated log's segments by their names. */
export const segmentsOf = (files: FaultyFiles): ReadonlyMap<string, Buffer> => {
  const prefix = `${layoutOf(DIRECTORY).log}/`;
  const names = [...files.state.names].filter(([path]) => path.startsWith(prefix));
  return new Map(
    names
      .map(
        ([path, inode]) =>
          [path.slice(prefix.length), Buffer.from(files.state.inodes.get(inode)?.seen ?? [])] as const,
      )
      .sort(([one], [other]) => (one < other ? -1 : 1)),
  );
};
