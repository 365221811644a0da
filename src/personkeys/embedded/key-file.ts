import { dirname } from 'node:path';
import { Type } from 'typebox';
import { DirectoryLock, type Lock } from '../../platform/directory-lock.js';
import type { Files, OpenFile } from '../../platform/files.js';
import { InTurn } from '../../platform/in-turn.js';
import { compile } from '../../platform/validation.js';
import type { PersonKey, PersonKeys } from '../person-keys.js';
import { openOrMake } from './open-or-make.js';

/**
 * Each person has one line of this many bytes, ended by a line feed. It divides a sector, so that no line is ever
 * written by halves, and a key is destroyed by writing over the bytes that it had. Stored format.
 */
const LINE_BYTES = 256;

/** `key`: wrapped, in base64; null: destroyed. */
const Line = Type.Object({ person: Type.String(), key: Type.Union([Type.String(), Type.Null()]) });
const readLine = compile(Line);

interface Entry {
  readonly line: number;
  readonly key: PersonKey;
}

/** Another process has these keys open. */
export class KeysInUse extends Error {
  constructor(path: string) {
    super(`another process has the keys in ${path} open`);
    this.name = 'KeysInUse';
  }
}

/** Keys in a file of lines, read when it is opened. One process has it open: whoever holds the data directory. */
export class KeyFile implements PersonKeys {
  readonly #writes = new InTurn();

  private constructor(
    private readonly file: OpenFile,
    private readonly entries: Map<string, Entry>,
    private lines: number,
    private readonly lock: Pick<Lock, 'free'> | undefined,
  ) {}

  /** Opens the file, made where it is missing, under a lock of its own. Throws KeysInUse. */
  static async openLocked(path: string, files: Files): Promise<KeyFile> {
    await files.makeDirectory(dirname(path));
    const lock = await DirectoryLock.take(`${path}.lock`);
    if (!lock) throw new KeysInUse(path);
    try {
      return await KeyFile.open(path, files, lock);
    } catch (error) {
      await lock.free();
      throw error;
    }
  }

  /** Opens the file, made where it is missing; `lock` is freed when it is closed. */
  static async open(path: string, files: Files, lock?: Pick<Lock, 'free'>): Promise<KeyFile> {
    const file = await openOrMake(path, files);
    const size = await file.size();
    const bytes = Buffer.alloc(size);
    await file.read(bytes, 0);
    const entries = new Map<string, Entry>();
    // What is no whole line at the end was never acknowledged, and is written over.
    const lines = Math.floor(size / LINE_BYTES);
    for (let line = 0; line < lines; line += 1) {
      const found = parse(bytes.toString('utf8', line * LINE_BYTES, (line + 1) * LINE_BYTES));
      if (found && entries.get(found.person)?.key.state !== 'destroyed')
        entries.set(found.person, { line, key: found.key });
    }
    return new KeyFile(file, entries, lines, lock);
  }

  get(person: string): Promise<PersonKey | undefined> {
    return Promise.resolve(this.entries.get(person)?.key);
  }

  keep(person: string, wrapped: Uint8Array): Promise<PersonKey> {
    return this.#writes.do(
      async () =>
        this.entries.get(person)?.key ?? (await this.#write(person, { state: 'held', wrapped }, this.lines)),
    );
  }

  destroy(person: string): Promise<void> {
    return this.#writes.do(async () => {
      const entry = this.entries.get(person);
      if (entry?.key.state !== 'destroyed')
        await this.#write(person, { state: 'destroyed' }, entry?.line ?? this.lines);
    });
  }

  async close(): Promise<void> {
    await this.#writes.ended();
    await this.file.close();
    await this.lock?.free();
  }

  /** Where this fails the line is written again by whoever tries again: it counts from its flush on. */
  async #write(person: string, key: PersonKey, line: number): Promise<PersonKey> {
    await this.file.write(format(person, key), line * LINE_BYTES);
    await this.file.flush();
    this.entries.set(person, { line, key });
    this.lines = Math.max(this.lines, line + 1);
    return key;
  }
}

const format = (person: string, key: PersonKey): Buffer => {
  const text = JSON.stringify({
    person,
    key: key.state === 'held' ? Buffer.from(key.wrapped).toString('base64') : null,
  });
  if (Buffer.byteLength(text) >= LINE_BYTES) throw new RangeError('A person’s id is too long for a key.');
  return Buffer.from(`${text.padEnd(LINE_BYTES - 1)}\n`);
};

const parse = (text: string): { readonly person: string; readonly key: PersonKey } | undefined => {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // A line that was being written when the power went: nobody was told that it stands.
    return undefined;
  }
  const line = readLine(json);
  if (!line.ok) return undefined;
  const { person, key } = line.value;
  return {
    person,
    key: key === null ? { state: 'destroyed' } : { state: 'held', wrapped: Buffer.from(key, 'base64') },
  };
};
