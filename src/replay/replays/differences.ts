import type { TenantId } from '../../domain/ids.js';
import type { Clock } from '../../platform/clock.js';
import { TimeSlice } from '../../projections/runner/time-slice.js';
import type { AnyProjection } from '../../projections/projection.js';
import type { Collection, Document, Value } from '../../readstore/read-store.js';
import { canonical, differingPaths, saidBy } from '../canonical.js';
import { pairs, type Found } from '../compare.js';

/** A collection as those see it who compare. */
export type Documents = Pick<Collection<Document>, 'scan' | 'load'>;

/** A document that two foldings of the log do not agree on. */
export interface DocumentDifference {
  readonly tenant: TenantId;
  readonly id: string;
  /** `missing`: only the baseline has it; `surplus`: only the candidate has it. */
  readonly kind: 'missing' | 'surplus' | 'changed';
  /** What differs in a changed document, the first ones: values as JSON text, cut where they are long. */
  readonly changes: readonly {
    /** JSON pointer (RFC 6901). */
    readonly path: string;
    readonly baseline: string;
    readonly candidate: string;
  }[];
}

/** How two sets of documents differ. */
export interface Differences {
  /** Of the baseline, and of the candidate. */
  readonly baseline_documents: number;
  readonly candidate_documents: number;
  readonly missing: number;
  readonly surplus: number;
  readonly changed: number;
  /** The first of them. */
  readonly first: readonly DocumentDifference[];
}

/** Differences that are kept of each read model, and changes of each document. */
export const KEPT_DIFFERENCES = 100;
const KEPT_CHANGES = 10;
const LONGEST_VALUE = 200;

/** Adds differences up, document by document. */
export class DifferenceCount {
  #baseline = 0;
  #candidate = 0;
  #missing = 0;
  #surplus = 0;
  #changed = 0;
  readonly #first: DocumentDifference[] = [];

  /** `ignoring_positions`: documents are the same though different records touched them last. */
  constructor(
    private readonly ignoring_positions: boolean,
    private readonly projection: Pick<AnyProjection, 'amend' | 'legible'>,
  ) {}

  /** One document, as each side has it. */
  add({ tenant, id }: Found['key'], baseline: Document | undefined, candidate: Document | undefined): void {
    if (baseline) this.#baseline += 1;
    if (candidate) this.#candidate += 1;
    if (!candidate) {
      this.#missing += 1;
      this.#keep({ tenant, id, kind: 'missing', changes: [] });
    } else if (!baseline) {
      this.#surplus += 1;
      this.#keep({ tenant, id, kind: 'surplus', changes: [] });
    } else {
      const [one, other] = [this.#value(baseline), this.#value(candidate)];
      if (canonical(one) === canonical(other)) return;
      this.#changed += 1;
      if (this.#first.length >= KEPT_DIFFERENCES) return;
      const [before, after] = [this.#read(baseline), this.#read(candidate)];
      const changes = differingPaths(before, after, KEPT_CHANGES).map((path) => ({
        path,
        baseline: shown(before, path),
        candidate: shown(after, path),
      }));
      this.#keep({ tenant, id, kind: 'changed', changes });
    }
  }

  get differences(): Differences {
    return {
      baseline_documents: this.#baseline,
      candidate_documents: this.#candidate,
      missing: this.#missing,
      surplus: this.#surplus,
      changed: this.#changed,
      first: this.#first,
    };
  }

  #keep(difference: DocumentDifference): void {
    if (this.#first.length < KEPT_DIFFERENCES) this.#first.push(difference);
  }

  #read(document: Document): Value {
    const { amend, legible } = this.projection;
    return this.#value(amend ? document : (legible?.(document) ?? document));
  }

  #value(document: Document): Value {
    if (this.projection.amend) return saidBy(this.projection, document);
    const { position, ...rest } = document;
    return this.ignoring_positions ? rest : { position, ...rest };
  }
}

/** Adds up how two collections differ; neither may be written meanwhile. */
export const differencesOf = async (
  baseline: AsyncIterable<Found>,
  candidate: AsyncIterable<Found>,
  into: DifferenceCount,
  clock: Pick<Clock, 'monotonic'>,
  signal: AbortSignal,
): Promise<void> => {
  const slice = new TimeSlice(clock);
  for await (const { here, there } of pairs(baseline, candidate)) {
    const key = (here ?? there)?.key;
    if (signal.aborted) return;
    if (key) into.add(key, here?.document, there?.document);
    if (slice.over) await slice.rest();
  }
};

const shown = (value: Value, pointer: string): string => {
  let at: Value | undefined = value;
  for (const step of pointer.split('/').slice(1)) {
    const name = step.replaceAll('~1', '/').replaceAll('~0', '~');
    at = (at as Readonly<Record<string, Value | undefined>>)[name];
  }
  const text = at === undefined ? 'none' : canonical(at);
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : text;
};
