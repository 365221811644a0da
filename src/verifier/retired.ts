import type { Report } from './problem.js';
import { readIdentity } from './record.js';

/** A record whose data is gone. */
interface Dropped {
  readonly number: number;
  readonly leaf: Buffer;
  readonly stream: string;
  readonly revision: number;
}

const RETIREMENTS = 'retention-';

/** Records whose data is gone, each of which another record must say was to go: revisions of its stream. */
export class Retired {
  readonly #dropped: Dropped[] = [];
  readonly #ranges = new Map<string, (readonly [from: number, to: number])[]>();

  get count(): number {
    return this.#dropped.length;
  }

  drop(number: number, leaf: Buffer, identity: Buffer): Pick<Dropped, 'stream' | 'revision'> | undefined {
    const found = readIdentity(identity);
    this.#dropped.push({ number, leaf, ...(found ?? { stream: '', revision: 0 }) });
    return found;
  }

  /** Takes down what a record says was to go, where it does. */
  take(stream: string, data: Buffer): void {
    if (!stream.startsWith(RETIREMENTS)) return;
    for (const [name, ranges] of Object.entries(recordsIn(data)))
      this.#ranges.set(name, [...(this.#ranges.get(name) ?? []), ...ranges]);
  }

  /** Says which records are gone although no record says that they were to go; of some it is known otherwise. */
  report(report: Report, isKnown: (number: number, leaf: Buffer) => boolean): void {
    for (const { number, leaf, stream, revision } of this.#dropped) {
      const said = this.#ranges.get(stream)?.some(([from, to]) => from <= revision && revision <= to);
      if (!said && !isKnown(number, leaf))
        report({
          code: 'not_retired',
          records: [number, number],
          detail: `the data of record ${number} is gone, and no record says that it was to go`,
        });
    }
  }
}

type Ranges = Readonly<Record<string, readonly (readonly [from: number, to: number])[]>>;

/** Revisions from one up to another, by stream; nothing where the data says nothing of the kind. */
const recordsIn = (data: Buffer): Ranges => {
  try {
    const { records } = JSON.parse(data.toString()) as { records?: unknown };
    return typeof records === 'object' && records !== null ? (records as Ranges) : {};
  } catch {
    return {};
  }
};
