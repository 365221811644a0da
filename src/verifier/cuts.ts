import { checkSignature, noteKey, readNote } from '../domain/integrity/signed-note.js';
import { verifyEd25519 } from './keys.js';
import type { Report } from './problem.js';
import { sha256 } from './raw-segment.js';
import type { Trust } from './vouchers.js';

/** A record out of which events were cut, as it stands in a file. */
export interface CutRecord {
  readonly number: number;
  /** Of the record as it was acknowledged. */
  readonly leaf: Buffer;
  /** What is left of its payload. */
  readonly payload: Buffer;
  /** The numbers of the events that are gone. */
  readonly gone: readonly number[];
}

/** What a signed statement says of one record: hashes in hexadecimal digits, `none` where nothing is left of it. */
interface Stated {
  readonly leaf: string;
  readonly left: string;
  /** `0-3,7` */
  readonly gone: string;
}

const ERASURES = 'erasures-';
const CUT = 'TelemetryCut';
const STATEMENT = 'pulsestream/cut/v1';

/**
 * Records out of which events were cut: what is left of each must be what a signed statement in the log says. Only what
 * is signed counts (docs/integrity.md has the form); what the record beside it says does not.
 */
export class Cuts {
  readonly #found: Omit<CutRecord, 'payload'>[] = [];
  readonly #left: string[] = [];
  readonly #stated = new Map<number, Stated[]>();
  readonly #unsigned = new Set<number>();

  constructor(private readonly trust: Trust) {}

  get count(): number {
    return this.#found.length;
  }

  find({ number, leaf, payload, gone }: CutRecord): void {
    this.#found.push({ number, leaf, gone });
    this.#left.push(sha256(Buffer.concat([ZERO, payload])).toString('hex'));
  }

  /** Takes down what a record states, where it does. */
  take(stream: string, type: string, data: Buffer): void {
    if (!stream.startsWith(ERASURES) || type !== CUT) return;
    const note = statementIn(data);
    const signed = note === undefined ? undefined : readNote(note);
    if (!signed?.text.startsWith(`${STATEMENT}\n`)) return;
    const { keys, unnamed } = this.trust;
    const trusted = unnamed ? signed.signatures.map(({ name }) => noteKey(sha256, name, 1, unnamed)) : keys;
    const isSigned = trusted.some((key) => checkSignature(verifyEd25519, signed, key).found === 'valid');
    for (const line of signed.text.split('\n')) {
      const [, number, leaf, left, gone] =
        /^record (\d+) ([0-9a-f]{64}) ([0-9a-f]{64}|none) \d+ ([\d,-]+)$/.exec(line) ?? [];
      if (number === undefined || leaf === undefined || left === undefined || gone === undefined) continue;
      const at = Number(number);
      if (isSigned) this.#stated.set(at, [...(this.#stated.get(at) ?? []), { leaf, left, gone }]);
      else this.#unsigned.add(at);
    }
  }

  /** Whether it is stated of a record that nothing is left of it. */
  isWhollyCut(number: number, leaf: Buffer): boolean {
    return (this.#stated.get(number) ?? []).some(
      (stated) => stated.left === 'none' && stated.leaf === leaf.toString('hex'),
    );
  }

  /** Says of which records something is gone although nobody states that it was to go, or what is left is something else. */
  report(report: Report): void {
    for (const [i, { number, leaf, gone }] of this.#found.entries()) {
      const stated = this.#stated.get(number) ?? [];
      const is = { leaf: leaf.toString('hex'), left: this.#left[i], gone: writeNumbers(gone) };
      // Files may be a statement behind: those of a record follow each other, and each says all that is gone.
      if (stated.some((one) => one.leaf === is.leaf && one.left === is.left && one.gone === is.gone))
        continue;
      report({
        code: 'not_stated',
        records: [number, number],
        detail: `events of record ${number} are gone, and ${this.#reason(number, stated)}`,
      });
    }
  }

  #reason(number: number, stated: readonly Stated[]): string {
    if (stated.length > 0) return 'what is left is not what the signed statement says';
    return this.#unsigned.has(number)
      ? 'the statement that they were to go is not signed by the log’s key'
      : 'no statement says that they were to go';
  }
}

const ZERO = Buffer.of(0);

const statementIn = (data: Buffer): string | undefined => {
  try {
    const { statement } = JSON.parse(data.toString()) as { statement?: unknown };
    return typeof statement === 'string' ? statement : undefined;
  } catch {
    return undefined;
  }
};

/** Ascending numbers as statements write them: `0-3,7`. */
const writeNumbers = (numbers: readonly number[]): string => {
  const ranges: [number, number][] = [];
  for (const number of numbers) {
    const last = ranges.at(-1);
    if (last && number === last[1] + 1) last[1] = number;
    else ranges.push([number, number]);
  }
  return ranges.map(([first, last]) => (first === last ? first : `${first}-${last}`)).join(',');
};
