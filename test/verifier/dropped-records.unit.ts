import { describe, expect, it } from '@jest/globals';
import type { RevisionRanges } from '../../src/domain/revision-ranges.js';
import { verifyLog, type Verification } from '../../src/verifier/verify.js';
import { eventFactory, stream } from '../support/log-events.js';
import { checkpointsOn, segmentsOf, testSigner } from '../support/sealed-checkpoints.js';
import { SealableLoad, TELEMETRY } from '../support/sealable-log.js';
import { newSimulatedLog } from '../support/simulated-log.js';

/** A sealed log in which records are dropped that a record names: those, or others. */
const dropped = async (named: RevisionRanges, gone: RevisionRanges): Promise<Verification> => {
  const { files, log } = await newSimulatedLog();
  const checkpoints = checkpointsOn(log);
  const load = new SealableLoad();
  while ((await log.stat()).segments < 4) await load.append(log);
  const said = eventFactory(5).json({ records: named }, 'TelemetryRetired');
  const outcome = await log.append(stream('retention-a'), 'none', [said]);
  if (outcome.outcome !== 'appended') throw new Error(outcome.outcome);
  await checkpoints.seal();
  await log.seal();
  const options = { isAllowed: () => true, signal: new AbortController().signal };
  const { records } = await log.dropping.drop({ records: gone, cuts: {} }, outcome.position, options);
  expect(records).toBeGreaterThan(3);
  await log.close();
  const segments = segmentsOf(files);
  const source = {
    names: [...segments.keys()],
    read: (name: string) => Promise.resolve(segments.get(name)!),
  };
  const copies = checkpoints.copies.map((note) => ({ note, found_in: 'witness' }));
  const found = await verifyLog(source, { trust: { keys: [testSigner().key], witness_keys: [] }, copies });
  expect(found.retired).toBe(records);
  return found;
};

describe('records whose data is gone', () => {
  it('leave every proof as it was, where a record says that they were to go', async () => {
    const records = { [TELEMETRY]: [[0, 4] as const, [7, 12] as const] };
    expect(await dropped(records, records)).toMatchObject({ ok: true, problems: [] });
  });

  it('are named where none says so', async () => {
    const { problems } = await dropped({ [TELEMETRY]: [[0, 3]] }, { [TELEMETRY]: [[0, 5]] });
    expect(problems.map(({ code }) => code)).toEqual(['not_retired', 'not_retired']);
  });
});
