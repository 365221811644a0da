import type { ChunkCut, Removal } from '../../../domain/erasure/cut.js';
import { numbersIn } from '../../../domain/index-ranges.js';
import { holdsRevision } from '../../../domain/revision-ranges.js';
import { TELEMETRY_RECORDED } from '../../../domain/telemetry/stored-chunk.js';
import { leafOf } from '../format.js';
import { identityOf, payloadWithout, placeOf } from '../record.js';
import type { RecordToSeal } from './encode-block.js';

/** A record without what is to be taken out of it; undefined where that is nothing. */
export type Remove = (record: RecordToSeal) => RecordToSeal | undefined;

/**
 * Takes out of a segment's records what is to be gone, records of telemetry as a whole or some of their events. A
 * record out of which events are cut comes out as it was said that it would, or not at all: throws where it does not.
 */
export const removing = (segment: string, removal: Removal | undefined): Remove => {
  if (!removal) return () => undefined;
  const cuts = new Map<string, ReadonlyMap<number, ChunkCut>>();
  for (const [stream, list] of Object.entries(removal.cuts))
    cuts.set(stream, new Map(list.map((cut) => [cut.revision, cut])));
  return (record) => {
    if (record.dropped) return undefined;
    const { stream, revision, type } = placeOf(record.payload);
    if (type !== TELEMETRY_RECORDED) return undefined;
    if (holdsRevision(removal.records, stream, revision)) return dropped(record);
    const cut = cuts.get(stream)?.get(revision);
    return cut && withoutEvents(record, cut, `${segment}: revision ${revision} of stream ${stream}`);
  };
};

const dropped = ({ payload, leaf }: RecordToSeal): RecordToSeal => ({
  payload: identityOf(payload),
  leaf,
  dropped: true,
});

const withoutEvents = (
  record: RecordToSeal,
  { indexes, left }: ChunkCut,
  name: string,
): RecordToSeal | undefined => {
  const { payload, leaf, gone = [] } = record;
  const numbers = numbersIn(indexes);
  for (const number of gone) numbers.delete(number);
  if (numbers.size === 0) return undefined;
  const rest = payloadWithout(payload, gone, numbers);
  if ((rest ? leafOf(rest).toString('hex') : null) !== left)
    throw new Error(`${name} would come out as something else than was said; it stays as it is`);
  if (!rest) return dropped(record);
  return { payload: rest, leaf, gone: [...gone, ...numbers].sort((one, other) => one - other) };
};
