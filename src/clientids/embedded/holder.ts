import { telemetryId } from '../../domain/telemetry/address.js';
import { idPrefixes } from '../../domain/ids.js';
import type { First, SpanOutcome } from '../client-ids.js';

/** Bytes of an event's address: its public id without the prefix. */
export const ADDRESS_BYTES = 16;
/** An event's place in its chunk is the low 20 bits of its address, whose last four bytes these are. */
const LAST_WORD_AT = ADDRESS_BYTES - 4;
const ABOVE_INDEX = 0xfff0_0000;

/** The public id at an address. */
export const eventIdAt = (bytes: Buffer, at: number): string =>
  idPrefixes.telemetry + bytes.toString('hex', at, at + ADDRESS_BYTES);

/** Whom a claimed id belongs to: events that are stored, or not stored, together. */
export class Holder {
  #outcome: SpanOutcome | undefined;
  #known: Promise<void> | undefined;
  #announce: () => void = () => undefined;

  /** `claim`: whose it is; absent where the log says who holds an id. */
  constructor(readonly claim?: object) {}

  /** What became of the events; undefined while nobody knows. */
  get outcome(): SpanOutcome | undefined {
    return this.#outcome;
  }

  settle(outcome: SpanOutcome): void {
    if (this.#outcome) throw new Error('The outcome of a claim was said twice.');
    this.#outcome = outcome;
    this.#announce();
  }

  /** Resolves when the outcome is known. */
  known(): Promise<void> {
    if (this.#outcome) return Promise.resolve();
    this.#known ??= new Promise((resolve) => {
      this.#announce = resolve;
    });
    return this.#known;
  }

  /** The event at a place among those of the holder; undefined where they were not stored. */
  first(place: number): First | undefined {
    const outcome = this.#outcome;
    if (!outcome || outcome.outcome === 'failed') return undefined;
    return outcome.outcome === 'stored'
      ? {
          event_id: telemetryId(outcome.chunk, outcome.index + place),
          recorded_at: outcome.recorded_at,
        }
      : {};
  }

  /** Writes the address of the first event; of stored events only. */
  writeAddress(into: Buffer, at: number): void {
    if (this.#outcome?.outcome !== 'stored') throw new Error('Only what is stored has an address.');
    const { chunk, index } = this.#outcome;
    into.write(chunk.replaceAll('-', ''), at, 'hex');
    const last = into.readUInt32BE(at + LAST_WORD_AT);
    into.writeUInt32BE(((last & ABOVE_INDEX) | index) >>> 0, at + LAST_WORD_AT);
  }
}
