import type { Checkpoint } from '../domain/integrity/checkpoint.js';
import { Cuts } from './cuts.js';
import { Leaves } from './leaves.js';
import { readLog, type Source } from './log.js';
import type { Problem, Report } from './problem.js';
import { Retired } from './retired.js';
import { readRecord } from './record.js';
import { readVoucher, type Trust, type Voucher } from './vouchers.js';

/** What was found. */
export interface Verification {
  /** No problem was found. */
  readonly ok: boolean;
  readonly segments: number;
  readonly records: number;
  /** Records whose data was retired: their hashes are there, and hold. */
  readonly retired: number;
  /** Records out of which events were cut, as signed statements say. */
  readonly cut: number;
  /** The root of the tree over all records, in base64. */
  readonly root: string;
  /** Checkpoints that are signed and that the log agrees with: in the log, and in copies from outside. */
  readonly checkpoints: { readonly in_log: number; readonly copies: number };
  /** Records that a signed checkpoint covers, and those that one from outside covers: nobody can have changed those. */
  readonly covered: { readonly records: number; readonly by_copies: number };
  readonly problems: readonly Problem[];
  /** Problems beyond those that are listed. */
  readonly more_problems: number;
}

export interface VerifyOptions {
  readonly trust: Trust;
  /** Checkpoints from outside the log. */
  readonly copies: readonly Voucher[];
  /** The log may be written to at its end meanwhile. */
  readonly live?: boolean;
}

const LISTED_PROBLEMS = 1_000;
const SEALS = 'seals';
const SEALED = 'CheckpointSealed';

/** Reads a log from its first record to its last and holds it against its hashes, and the hashes against checkpoints. */
export const verifyLog = async (
  source: Source,
  { trust, copies, live = false }: VerifyOptions,
): Promise<Verification> => {
  const problems: Problem[] = [];
  let more_problems = 0;
  const report: Report = (problem) => {
    if (problems.length < LISTED_PROBLEMS) problems.push(problem);
    else more_problems += 1;
  };

  const leaves = new Leaves();
  const streams = new Streams(report);
  const vouchers: Voucher[] = [];
  const retired = new Retired();
  const cuts = new Cuts(trust);
  for await (const { number, leaf, payload, identity, gone: events } of readLog(source, report, live)) {
    leaves.set(number, leaf);
    const record = payload && readRecord(payload);
    const gone = identity && retired.drop(number, leaf, identity);
    if (payload && events) cuts.find({ number, leaf, payload, gone: events });
    if (gone) streams.take(gone.stream, gone.revision, number);
    if (!record?.data) continue;
    retired.take(record.stream, record.data);
    cuts.take(record.stream, record.type, record.data);
    streams.take(record.stream, record.revision, number);
    if (record.stream === SEALS && record.type === SEALED)
      vouchers.push({ note: noteOf(record.data), record: number, found_in: `record ${number}` });
  }

  retired.report(report, (number, leaf) => cuts.isWhollyCut(number, leaf));
  cuts.report(report);
  const held = holdAgainst(leaves, [...vouchers, ...copies], trust, report);
  const count = (outside: boolean): number =>
    held.filter(({ voucher }) => (voucher.record === undefined) === outside).length;
  const most = (found: readonly Held[]): number =>
    Math.max(0, ...found.map(({ checkpoint }) => checkpoint.size));
  if (held.length === 0 && leaves.count > 0)
    report({ code: 'nothing_sealed', detail: 'no signed checkpoint vouches for any record' });
  return {
    ok: problems.length === 0,
    segments: source.names.length,
    records: leaves.count,
    retired: retired.count,
    cut: cuts.count,
    root: leaves.roots([leaves.count]).get(leaves.count)?.toString('base64') ?? '',
    checkpoints: { in_log: count(false), copies: count(true) },
    covered: {
      records: most(held),
      by_copies: most(held.filter(({ voucher }) => voucher.record === undefined)),
    },
    problems,
    more_problems,
  };
};

/** A checkpoint that the log agrees with. */
interface Held {
  readonly voucher: Voucher;
  readonly checkpoint: Checkpoint;
}

/** Holds the log against each checkpoint; those that it agrees with. */
const holdAgainst = (
  leaves: Leaves,
  vouchers: readonly Voucher[],
  trust: Trust,
  report: Report,
): readonly Held[] => {
  const read = vouchers.flatMap((voucher) => {
    const checkpoint = readVoucher(voucher, trust);
    if (typeof checkpoint !== 'string') return [{ voucher, checkpoint }];
    report({
      code: 'not_signed',
      ...placeOf(voucher),
      detail: `the checkpoint in ${voucher.found_in} vouches for nothing: ${checkpoint}`,
    });
    return [];
  });
  const roots = leaves.roots(read.map(({ checkpoint }) => checkpoint.size));
  const agrees = ({ checkpoint: { size, root } }: Held): boolean => roots.get(size)?.equals(root) ?? false;
  const held = read.filter(agrees);
  for (const [where, one] of firstOfEach(read.filter((one) => !agrees(one)))) {
    const { size } = one.checkpoint;
    const before = Math.max(
      0,
      ...held.map(({ checkpoint }) => checkpoint.size).filter((known) => known < size),
    );
    report(
      size > leaves.count
        ? {
            code: 'too_short',
            records: [leaves.count + 1, size],
            detail: `the log ends with record ${leaves.count}; the checkpoint in ${where} covers ${size}`,
          }
        : {
            code: 'differs',
            records: [before + 1, size],
            detail: `the checkpoint in ${where} was signed over other records: one or more of these was changed, removed, added or moved`,
          },
    );
  }
  return held;
};

/** Of those that disagree the one with the fewest records, in the log and in each place outside: the others follow from it. */
const firstOfEach = (differing: readonly Held[]): ReadonlyMap<string, Held> => {
  const first = new Map<string, Held>();
  for (const one of differing.toSorted((a, b) => a.checkpoint.size - b.checkpoint.size)) {
    const place = one.voucher.record === undefined ? one.voucher.found_in : 'the log';
    const isShort = first.get(place);
    if (!isShort) first.set(place, one);
  }
  return new Map([...first.values()].map((one) => [one.voucher.found_in, one]));
};

const placeOf = ({ record }: Voucher): Partial<Problem> =>
  record === undefined ? {} : { records: [record, record] };

const noteOf = (data: Buffer): string => {
  try {
    const { note } = JSON.parse(data.toString()) as { note?: unknown };
    return typeof note === 'string' ? note : '';
  } catch {
    return '';
  }
};

/** Holds each stream's revisions against each other: 0, 1, 2, … */
class Streams {
  readonly #next = new Map<string, number>();

  constructor(private readonly report: Report) {}

  take(stream: string, revision: number, number: number): void {
    const due = this.#next.get(stream) ?? 0;
    if (revision !== due)
      this.report({
        code: revision > due ? 'missing' : 'misplaced',
        records: [number, number],
        detail: `stream ${stream} has revision ${revision} where ${due} is due`,
      });
    this.#next.set(stream, revision + 1);
  }
}
