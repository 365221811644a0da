/** Records (spans, log records) that one export may hold. */
export const MAX_RECORDS = 50_000;
/** Messages and values that one export may hold: empty ones take two bytes each, and objects far more. */
const MAX_NODES = 500_000;
/** How deep a value may be nested in maps and lists. */
const MAX_VALUE_DEPTH = 16;

/** Why an export is not taken. Thrown inside the decoders alone; {@link decoding} makes a value of it. */
class Refused extends Error {
  constructor(
    readonly status: 400 | 413,
    message: string,
  ) {
    super(message);
  }
}

export type Decoded<T> =
  | { readonly ok: true; readonly records: readonly T[] }
  | { readonly ok: false; readonly status: 400 | 413; readonly detail: string };

export const malformed = (detail: string): Refused => new Refused(400, detail);

export const tooMany = new Refused(413, `An export may have ${MAX_NODES} values; send smaller ones.`);

/** Counts what an export is made of, so that a small body cannot become a large heap. */
export class Budget {
  #nodes = 0;
  #records = 0;

  node(): void {
    this.#nodes += 1;
    if (this.#nodes > MAX_NODES) throw tooMany;
  }

  record(): void {
    this.#records += 1;
    if (this.#records > MAX_RECORDS) throw new Refused(413, `An export may have ${MAX_RECORDS} records.`);
  }

  depth(depth: number): void {
    if (depth > MAX_VALUE_DEPTH) throw new Refused(400, `A value may be nested ${MAX_VALUE_DEPTH} deep.`);
  }
}

/** Runs a decoder: whatever stops it is the sender's fault, since it sees nothing but the body. */
export const decoding = <T>(decode: () => readonly T[], format: string): Decoded<T> => {
  try {
    return { ok: true, records: decode() };
  } catch (error) {
    return error instanceof Refused
      ? { ok: false, status: error.status, detail: error.message }
      : { ok: false, status: 400, detail: `The body is not valid ${format}.` };
  }
};
