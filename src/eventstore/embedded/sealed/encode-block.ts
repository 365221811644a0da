import { ByteWriter } from '../../../domain/telemetry/column-codec/bytes.js';
import { encodeLines } from '../../../domain/telemetry/column-codec/encode.js';
import { encodeIntegers } from '../../../domain/telemetry/column-codec/integers.js';
import { TELEMETRY_RECORDED } from '../../../domain/telemetry/stored-chunk.js';
import { deflateCompression } from '../../../platform/compression.js';
import { partsOf } from '../record.js';

/**
 * The content of a block. Stored format, for good; numbers as the column codec writes them:
 *
 *   records varint, commits varint, records of each commit (integers, sized)
 *   leaf hash of each record, 32 bytes each
 *   lengths of the heads (integers, sized), then a blob of the heads: of a record of telemetry its payload up to the
 *   data, of any other the whole payload
 *   lines of each record's data (integers, sized): 0 where the head holds the data
 *   stripes varint; each: records varint, those without lines included, then the lines of their data (sized,
 *   column-codec/encode.ts)
 *   where records are dropped or cut: how many are dropped varint, their indexes (integers, sized)
 *   where records are cut: how many varint, their indexes (integers, sized), and of each how many events are gone
 *   varint, their numbers (integers, sized)
 *
 * Of a record that is cut the lines are those that are left, and the head says how long their data are.
 *
 * Of a record that is dropped there is the leaf hash, and of its payload what comes before the metadata: the lengths of
 * metadata and data in it are those that there were.
 */
export interface RecordToSeal {
  /** Of a record that is dropped what says which one it is; of one that is cut what is left. */
  readonly payload: Buffer;
  readonly leaf: Buffer;
  readonly dropped?: boolean;
  /** The numbers of the events that were cut out, ascending. */
  readonly gone?: readonly number[];
}

/** The records of one commit. */
export type CommitToSeal = readonly RecordToSeal[];

/** Data of so many bytes share their columns: more would make little smaller, and be read for one record. */
const STRIPE_BYTES = 1024 * 1024;
const LF = 0x0a;

interface Stripe {
  records: number;
  bytes: number;
  readonly data: Buffer[];
}

/** A block's content, and how many bytes of lines are in it. */
export interface EncodedBlock {
  readonly content: Uint8Array;
  readonly line_bytes: number;
}

/** Encodes the commits of a block. */
export const encodeBlock = (commits: readonly CommitToSeal[]): EncodedBlock => {
  const records = commits.flat();
  const heads: Buffer[] = [];
  const lines: number[] = [];
  const stripes: Stripe[] = [];
  let open: Stripe | undefined;
  for (const { payload, dropped } of records) {
    const data = dropped ? undefined : telemetryIn(payload);
    heads.push(data ? payload.subarray(0, payload.length - data.length) : payload);
    lines.push(data ? linesIn(data) : 0);
    if (!open || (data && open.bytes > 0 && open.bytes + data.length > STRIPE_BYTES)) {
      open = { records: 0, bytes: 0, data: [] };
      stripes.push(open);
    }
    open.records += 1;
    open.bytes += data?.length ?? 0;
    if (data) open.data.push(data);
  }

  const out = new ByteWriter(deflateCompression);
  out.varint(records.length);
  out.varint(commits.length);
  putIntegers(
    out,
    commits.map(({ length }) => length),
  );
  for (const { leaf } of records) out.put(leaf);
  putIntegers(
    out,
    heads.map(({ length }) => length),
  );
  out.blob(Buffer.concat(heads));
  putIntegers(out, lines);
  out.varint(stripes.length);
  for (const { records: count, data } of stripes) {
    out.varint(count);
    out.sized(encodeLines(joined(data), deflateCompression));
  }
  const dropped = records.flatMap((record, i) => (record.dropped ? [i] : []));
  const cut = records.flatMap(({ gone = [] }, i) => (gone.length > 0 ? [{ i, gone }] : []));
  if (dropped.length > 0 || cut.length > 0) putList(out, dropped);
  if (cut.length > 0) {
    putList(
      out,
      cut.map(({ i }) => i),
    );
    for (const { gone } of cut) putList(out, gone);
  }
  return { content: out.bytes(), line_bytes: stripes.reduce((sum, { bytes }) => sum + bytes, 0) };
};

const putIntegers = (out: ByteWriter, values: readonly number[]): void => {
  const part = new ByteWriter(out.compression);
  encodeIntegers(values, part);
  out.sized(part.bytes());
};

const putList = (out: ByteWriter, values: readonly number[]): void => {
  out.varint(values.length);
  putIntegers(out, values);
};

/** The data of a record that holds lines of telemetry. */
const telemetryIn = (payload: Buffer): Buffer | undefined => {
  const { type, data, binary } = partsOf(payload);
  return binary && type === TELEMETRY_RECORDED ? data : undefined;
};

const linesIn = (data: Buffer): number => {
  let lines = 1;
  for (let at = data.indexOf(LF); at >= 0; at = data.indexOf(LF, at + 1)) lines += 1;
  return lines;
};

const joined = (data: readonly Buffer[]): Buffer =>
  Buffer.concat(data.flatMap((each, i) => (i === 0 ? [each] : [LINE_FEED, each])));
const LINE_FEED = Buffer.from([LF]);
