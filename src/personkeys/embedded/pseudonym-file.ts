import { Type } from 'typebox';
import type { Files, OpenFile } from '../../platform/files.js';
import { InTurn } from '../../platform/in-turn.js';
import { compile } from '../../platform/validation.js';
import type { PseudonymEntry, PseudonymStore } from '../pseudonym-store.js';
import { openOrMake } from './open-or-make.js';

/**
 * Each entry is one line of JSON, filled up with spaces to so many bytes or a multiple of them. It divides a sector: an
 * entry of one block, as most are, is never written by halves. Stored format.
 */
const BLOCK_BYTES = 256;

/** `sealed` in base64. */
const Line = Type.Object({ subject: Type.String(), pseudonym: Type.String(), sealed: Type.String() });
const readLine = compile(Line);

const BRACE = 0x7b;
const LF = 0x0a;
const SPACE = 0x20;

interface Held {
  readonly entry: PseudonymEntry;
  readonly offset: number;
  readonly length: number;
}

/**
 * Whose pseudonyms are, in a file that is read when it is opened and held in memory. One process has it open: whoever
 * holds the keys of people beside it.
 */
export class PseudonymFile implements PseudonymStore {
  readonly #bySubject = new Map<string, Held>();
  readonly #byPseudonym = new Map<string, Held>();
  #size = 0;
  readonly #writes = new InTurn();

  private constructor(private readonly file: OpenFile) {}

  /** Opens the file, made where it is missing. What is no entry in it was never acknowledged, or half destroyed: it is wiped. */
  static async open(path: string, files: Files): Promise<PseudonymFile> {
    const file = await openOrMake(path, files);
    const opened = new PseudonymFile(file);
    await opened.#read();
    return opened;
  }

  ofSubjects(subjects: readonly string[]): Promise<readonly PseudonymEntry[]> {
    return Promise.resolve(subjects.flatMap((subject) => this.#bySubject.get(subject)?.entry ?? []));
  }

  ofPseudonyms(pseudonyms: readonly string[]): Promise<readonly PseudonymEntry[]> {
    return Promise.resolve(pseudonyms.flatMap((name) => this.#byPseudonym.get(name)?.entry ?? []));
  }

  keep(entries: readonly PseudonymEntry[]): Promise<readonly PseudonymEntry[]> {
    return this.#writes.do(async () => {
      const lines: Buffer[] = [];
      const held: Held[] = [];
      let offset = this.#size;
      for (const entry of entries) {
        if (this.#bySubject.has(entry.subject)) continue;
        const line = lineOf(entry);
        lines.push(line);
        held.push({ entry, offset, length: line.length });
        offset += line.length;
      }
      if (lines.length > 0) {
        // Where this fails, what it wrote is written over by the next.
        await this.file.write(lines, this.#size);
        await this.file.flush();
        this.#size = offset;
        held.forEach((one) => {
          this.#hold(one);
        });
      }
      return this.ofSubjects(entries.map(({ subject }) => subject));
    });
  }

  destroy(subject: string): Promise<void> {
    return this.#writes.do(async () => {
      const held = this.#bySubject.get(subject);
      if (!held) return;
      await this.file.write(Buffer.alloc(held.length, SPACE), held.offset);
      await this.file.flush();
      this.#bySubject.delete(subject);
      this.#byPseudonym.delete(held.entry.pseudonym);
    });
  }

  async close(): Promise<void> {
    await this.#writes.ended();
    await this.file.close();
  }

  async #read(): Promise<void> {
    const size = await this.file.size();
    const bytes = Buffer.alloc(size);
    await this.file.read(bytes, 0);
    let wiped = false;
    for (let offset = 0; offset < size;) {
      const found = entryAt(bytes, offset);
      if (found) {
        this.#hold({ entry: found.entry, offset, length: found.length });
        offset += found.length;
        continue;
      }
      const end = Math.min(offset + BLOCK_BYTES, size);
      if (bytes.subarray(offset, end).some((byte) => byte !== SPACE)) {
        await this.file.write(Buffer.alloc(end - offset, SPACE), offset);
        wiped = true;
      }
      offset = end;
    }
    if (wiped) await this.file.flush();
    this.#size = Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES;
  }

  #hold(held: Held): void {
    this.#bySubject.set(held.entry.subject, held);
    this.#byPseudonym.set(held.entry.pseudonym, held);
  }
}

const lineOf = ({ subject, pseudonym, sealed }: PseudonymEntry): Buffer => {
  const line = { subject, pseudonym, sealed: Buffer.from(sealed).toString('base64') };
  const text = JSON.stringify(line);
  const length = Math.ceil((Buffer.byteLength(text) + 1) / BLOCK_BYTES) * BLOCK_BYTES;
  const bytes = Buffer.alloc(length, SPACE);
  bytes.write(text);
  bytes[length - 1] = LF;
  return bytes;
};

/** The entry that begins here; undefined where none does. */
const entryAt = (
  bytes: Buffer,
  offset: number,
): { readonly entry: PseudonymEntry; readonly length: number } | undefined => {
  if (bytes[offset] !== BRACE) return undefined;
  const end = bytes.indexOf(LF, offset) + 1;
  if (end === 0 || (end - offset) % BLOCK_BYTES !== 0) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8', offset, end));
  } catch {
    // Written or destroyed by halves when the power went.
    return undefined;
  }
  const line = readLine(json);
  if (!line.ok) return undefined;
  const { subject, pseudonym, sealed } = line.value;
  return { entry: { subject, pseudonym, sealed: Buffer.from(sealed, 'base64') }, length: end - offset };
};
