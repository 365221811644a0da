const QUOTE = 0x22;
const SLOTS = 4096;
const GUESSES = 1024;
/** Slots in use beyond which no more are taken: a half-empty table answers at the first or second look. */
const MOST_TAKEN = SLOTS / 2;
/** Slots looked at before a text goes by its value: nobody can make look-ups slow by texts that collide. */
const LOOKS = 8;
/** Longer texts are rarely said twice. */
export const LONGEST_KNOWN = 256;
const POOL_BYTES = 128 * 1024;
/** Texts that stay known from one body to the next. */
const KEPT_TEXTS = 8192;

/**
 * Numbers texts, found by their bytes without a string being made, and remembers them, since senders say the same
 * again and again. A table of bytes stands in front of a map of texts; what finds no room in it goes by the map.
 */
export class TextTable {
  /** By number; the first is `''`. */
  readonly texts: string[] = [];
  readonly #numbers = new Map<string, number>();
  /** What is in a slot: the how-manieth text in the pool, from 1; 0: nothing. */
  readonly #slots = new Uint16Array(SLOTS);
  readonly #pool = new DataView(new ArrayBuffer(POOL_BYTES + 4));
  /** By the first bytes: the text in the pool that last began with them. */
  readonly #guesses = new Uint16Array(GUESSES);
  readonly #starts = new Int32Array(MOST_TAKEN + 1);
  readonly #lengths = new Int32Array(MOST_TAKEN + 1);
  readonly #pooled = new Int32Array(MOST_TAKEN + 1);
  guessed_end = 0;
  #taken = 0;
  #pool_end = 0;

  constructor() {
    this.#clear();
  }

  /** Forgets everything where it has become much; true: the numbers given before mean nothing any more. */
  trim(): boolean {
    const room = this.#taken < MOST_TAKEN && this.#pool_end + LONGEST_KNOWN <= POOL_BYTES;
    if (room && this.texts.length <= KEPT_TEXTS) return false;
    this.#clear();
    return true;
  }

  #clear(): void {
    this.texts.length = 0;
    this.#numbers.clear();
    this.#slots.fill(0);
    this.#guesses.fill(0);
    this.#taken = 0;
    this.#pool_end = 0;
    this.ofText('');
  }

  ofText(text: string): number {
    let number = this.#numbers.get(text);
    if (number === undefined) {
      number = this.texts.push(text) - 1;
      this.#numbers.set(text, number);
    }
    return number;
  }

  /** The number of a text by its bytes: UTF-8 as it stands, with nothing escaped; eight more bytes can be read. */
  ofBytes(bytes: Buffer, view: DataView, start: number, end: number): number {
    const length = end - start;
    if (length === 0) return 0;
    let slot = slotOf(view, start, length);
    for (let look = 0; look < LOOKS; look += 1) {
      const entry = this.#slots[slot] ?? 0;
      if (entry === 0) return this.#learn(bytes, view, start, end, slot);
      if (this.#lengths[entry] === length && this.#same(view, start, length, this.#starts[entry] ?? 0)) {
        this.#guesses[guessSlotOf(view, start)] = entry;
        return this.#pooled[entry] ?? 0;
      }
      slot = (slot + 1) % SLOTS;
    }
    return this.ofText(bytes.toString('utf8', start, end));
  }

  /**
   * The number of the text that begins here and ends at a quote, guessed by its first bytes; -1: the guess was wrong.
   * Where it is right, {@link guessed_end} is the place of the quote, and nobody has looked for that.
   */
  guess(view: DataView, start: number): number {
    const slot = guessSlotOf(view, start);
    const entry = this.#guesses[slot] ?? 0;
    const end = start + (this.#lengths[entry] ?? 0);
    if (entry === 0 || view.getUint8(end) !== QUOTE) return -1;
    if (!this.#same(view, start, end - start, this.#starts[entry] ?? 0)) return -1;
    this.guessed_end = end;
    return this.#pooled[entry] ?? 0;
  }

  #same(view: DataView, start: number, length: number, pooled: number): boolean {
    const pool = this.#pool;
    const rest = length & 3;
    const whole = length - rest;
    for (let at = 0; at < whole; at += 4)
      if (view.getInt32(start + at, true) !== pool.getInt32(pooled + at, true)) return false;
    const difference = view.getInt32(start + whole, true) ^ pool.getInt32(pooled + whole, true);
    return (difference & ((1 << (8 * rest)) - 1)) === 0;
  }

  #learn(bytes: Buffer, view: DataView, start: number, end: number, slot: number): number {
    const number = this.ofText(bytes.toString('utf8', start, end));
    const length = end - start;
    if (length > LONGEST_KNOWN || this.#taken === MOST_TAKEN || this.#pool_end + length > POOL_BYTES)
      return number;
    this.#taken += 1;
    const entry = this.#taken;
    this.#slots[slot] = entry;
    this.#starts[entry] = this.#pool_end;
    this.#lengths[entry] = length;
    this.#pooled[entry] = number;
    for (let at = start; at < end; at += 1) this.#pool.setUint8(this.#pool_end++, view.getUint8(at));
    return number;
  }
}

/** By the length and the words at the beginning, in the middle and at the end: a hash of all bytes takes longer. */
const slotOf = (view: DataView, start: number, length: number): number => {
  let hash = view.getInt32(start, true);
  if (length < 4) hash &= (1 << (8 * length)) - 1;
  else {
    hash = Math.imul(hash, 0x9e3779b1) ^ view.getInt32(start + length - 4, true);
    hash = Math.imul(hash, 0x85ebca6b) ^ view.getInt32(start + ((length - 4) >> 1), true);
  }
  hash = Math.imul(hash ^ length, 0xc2b2ae35);
  return (hash ^ (hash >>> 15)) & (SLOTS - 1);
};

/** By the first twelve bytes, some of which may be behind the text: mostly the same field follows. */
const guessSlotOf = (view: DataView, start: number): number => {
  let hash = Math.imul(view.getInt32(start, true), 0x9e3779b1) ^ view.getInt32(start + 4, true);
  hash = Math.imul(hash, 0x85ebca6b) ^ view.getInt32(start + 8, true);
  return Math.imul(hash, 0xc2b2ae35) >>> 22;
};
