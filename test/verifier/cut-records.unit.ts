import { describe, expect, it } from '@jest/globals';
import { cutsOf, statementText, type Cut, type Erasure } from '../../src/domain/erasure/erasure.js';
import type { TenantId } from '../../src/domain/ids.js';
import { signNote, type NoteSigner } from '../../src/domain/integrity/signed-note.js';
import { verifyLog, type Verification } from '../../src/verifier/verify.js';
import { appendPeople, planCut, sayCut } from '../support/cuttable-log.js';
import { checkpointsOn, segmentsOf, testSigner } from '../support/sealed-checkpoints.js';
import { newSimulatedLog } from '../support/simulated-log.js';

const erasure: Erasure = {
  erasure_id: 'era_1' as Cut['erasure_id'],
  field: 'user_id',
  subject_hash: 'ab'.repeat(32),
  status: 'requested',
  requested_by: { kind: 'user', id: 'usr_1' },
  chunks: 0,
  events: 0,
};

const signedBy =
  (signer: NoteSigner) =>
  (cut: Cut): Cut => ({
    ...cut,
    statement: signNote(statementText('ten_a' as TenantId, erasure, cut), signer),
  });

interface Case {
  /** What is said of a cut. */
  readonly say?: (cut: Cut) => Cut;
  /** Whose events are cut out, where not of those of whom it is said. */
  readonly done?: string;
  readonly tamper?: (segments: Map<string, Buffer>) => void;
  readonly keys?: readonly NoteSigner[];
}

/** A log out of which events are cut, with checkpoints signed before and after. */
const verified = async ({ say = signedBy(testSigner()), done, tamper, keys = [testSigner()] }: Case) => {
  const { files, log } = await newSimulatedLog({ segmentBytes: 40 * 1024, maxAppendBytes: 32 * 1024 });
  const checkpoints = checkpointsOn(log);
  await appendPeople(log, 3);
  await checkpoints.seal();
  const cut = await planCut(log, 'person-1');
  const { through } = await sayCut(log, say(cut));
  await checkpoints.seal();
  const cuts = cutsOf(done === undefined ? cut : await planCut(log, done));
  const options = { isAllowed: () => true, signal: new AbortController().signal };
  const result = await log.dropping.drop({ records: {}, cuts }, through, options);
  expect(result.cut).toBeGreaterThan(3);
  await log.close();
  const segments = new Map(segmentsOf(files));
  tamper?.(segments);
  const source = {
    names: [...segments.keys()],
    read: (name: string) => Promise.resolve(segments.get(name)!),
  };
  const copies = checkpoints.copies.map((note) => ({ note, found_in: 'witness' }));
  const trust = { keys: keys.map(({ key }) => key), witness_keys: [] };
  const found = await verifyLog(source, { trust, copies });
  return { found, result };
};

const codesIn = ({ problems }: Verification): ReadonlySet<string> =>
  new Set(problems.map(({ code }) => code));

describe('records out of which events were cut', () => {
  it('leave every proof as it was, where a signed statement says what is left', async () => {
    const { found, result } = await verified({});
    expect(found).toMatchObject({ ok: true, problems: [], cut: result.cut, retired: result.records });
    expect(found.checkpoints.in_log).toBeGreaterThan(1);
  });

  it('are named where nothing says that they were to be cut', async () => {
    const { found, result } = await verified({ say: (cut) => ({ ...cut, chunks: [] }) });
    expect(codesIn(found)).toEqual(new Set(['not_stated', 'not_retired']));
    expect(found.problems).toHaveLength(result.cut + result.records);
    expect(found.problems.find(({ code }) => code === 'not_stated')?.detail).toContain('no statement');
  });

  it('are named where the statement is not signed by the log’s key, or by nobody', async () => {
    const forged = await verified({ say: signedBy(testSigner('log.example/other')) });
    expect(codesIn(forged.found)).toContain('not_stated');
    expect(forged.found.problems.find(({ code }) => code === 'not_stated')?.detail).toContain('not signed');
    const changed = await verified({
      say: (cut) => {
        const { statement = '' } = signedBy(testSigner())(cut);
        return { ...cut, statement: statement.replace('user_id', 'consumer') };
      },
    });
    expect(codesIn(changed.found)).toContain('not_stated');
    const unsigned = await verified({ say: (cut) => cut });
    expect(codesIn(unsigned.found)).toContain('not_stated');
  });

  it('are named where something else is left than the statement says', async () => {
    const { found } = await verified({ done: 'person-2' });
    expect(codesIn(found)).toContain('not_stated');
    expect(
      found.problems.some(({ detail }) => detail.includes('is not what the signed statement says')),
    ).toBe(true);
    const otherwise = await verified({
      say: (cut) =>
        signedBy(testSigner())({
          ...cut,
          chunks: cut.chunks.map((chunk) => ({
            ...chunk,
            left: chunk.left === null ? null : '0'.repeat(64),
          })),
        }),
    });
    expect(codesIn(otherwise.found)).toEqual(new Set(['not_stated']));
  });

  it('are told from those that are damaged', async () => {
    const { found } = await verified({
      tamper: (segments) => {
        const [first] = segments.values();
        first![200] = (first![200] ?? 0) ^ 1;
      },
    });
    expect(codesIn(found)).toContain('damaged');
    expect(codesIn(found)).not.toContain('not_stated');
  });
});
