import { open, mkdir, readFile, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode } from '../../platform/errors.js';
import { CliError } from '../output.js';
import type { Piece } from './pieces.js';

/** What became of a piece's lines. */
export interface PieceCounts {
  /** Events that the server has. */
  readonly events: number;
  /** Events that it refused. */
  readonly rejected: number;
  /** Lines that did not parse. */
  readonly skipped: number;
}

type Entry =
  | ({ readonly done: string } & PieceCounts)
  /** A batch was cut after so many lines, since the file ended there. */
  | { readonly cut: string; readonly lines: number };

const isNumber = (value: unknown): value is number => typeof value === 'number';

/** An entry of a line; undefined where the line is none, as the last one after a crash. */
const entryOf = (line: string): Entry | undefined => {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { done, events, rejected, skipped, cut, lines } = value as Record<string, unknown>;
  if (typeof done === 'string' && isNumber(events) && isNumber(rejected) && isNumber(skipped))
    return { done, events, rejected, skipped };
  return typeof cut === 'string' && isNumber(lines) ? { cut, lines } : undefined;
};

const NO_CUTS: ReadonlySet<number> = new Set();

/**
 * What is known of earlier imports: a file with a JSON object a line that only grows. Everything in it is named by
 * content, so it may be of any number of logs. A cut must be there before its piece is sent: without it the lines could
 * be sent again in another piece. That a piece is done may get lost: it is then sent again, and found stored.
 */
export class ImportState {
  readonly #done = new Map<string, PieceCounts>();
  readonly #cuts = new Map<string, Set<number>>();
  #handle: FileHandle | undefined;
  /** A crash may have left half a line, which must not become the beginning of the next. */
  #torn = false;
  #writing: Promise<void> = Promise.resolve();

  private constructor(private readonly file: string) {}

  static async open(file: string): Promise<ImportState> {
    const state = new ImportState(file);
    const text = await readFile(file, 'utf8').catch((error: unknown) => {
      if (errorCode(error) === 'ENOENT') return '';
      throw new CliError(`The state in ${file} cannot be read.`, 'Name another file with --state.');
    });
    const lines = text.split('\n');
    for (const line of lines) state.#apply(entryOf(line));
    state.#torn = lines.at(-1) !== '';
    return state;
  }

  /** What became of a piece; undefined where it is not known to be done. */
  done({ key }: Piece): PieceCounts | undefined {
    return this.#done.get(key);
  }

  /** After how many of its lines a batch was cut. */
  readonly cutsOf = (batch: string): ReadonlySet<number> => this.#cuts.get(batch) ?? NO_CUTS;

  /** Resolves when the cut is on the disk. */
  async cut({ batch, offset, lines }: Piece): Promise<void> {
    await this.#append({ cut: batch, lines: offset + lines.length });
    await this.#handle?.datasync();
  }

  finish({ key }: Piece, { events, rejected, skipped }: PieceCounts): Promise<void> {
    return this.#append({ done: key, events, rejected, skipped });
  }

  async close(): Promise<void> {
    await this.#writing.catch(() => undefined);
    await this.#handle?.close();
  }

  #apply(entry: Entry | undefined): void {
    if (entry === undefined) return;
    if ('done' in entry) {
      const { done, ...counts } = entry;
      this.#done.set(done, counts);
      return;
    }
    const cuts = this.#cuts.get(entry.cut) ?? new Set();
    this.#cuts.set(entry.cut, cuts.add(entry.lines));
  }

  #append(entry: Entry): Promise<void> {
    const write = async (): Promise<void> => {
      this.#handle ??= await this.#open();
      await this.#handle.appendFile(`${this.#torn ? '\n' : ''}${JSON.stringify(entry)}\n`);
      this.#torn = false;
      this.#apply(entry);
    };
    this.#writing = this.#writing.then(write);
    return this.#writing;
  }

  async #open(): Promise<FileHandle> {
    try {
      await mkdir(dirname(this.file), { recursive: true });
      return await open(this.file, 'a', 0o600);
    } catch {
      throw new CliError(`The state cannot be written to ${this.file}.`, 'Name another file with --state.');
    }
  }
}
