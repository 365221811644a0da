import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { errorCode } from '../../platform/errors.js';
import { CliError } from '../output.js';

/** Standard input, where a file's name is expected. */
export const STDIN = '-';

/** Something to be imported: its bytes in order, decompressed. */
export interface Source {
  readonly name: string;
  /** Bytes to read; undefined where nobody knows. */
  readonly size: number | undefined;
  /** Bytes read so far, as they are stored. */
  readonly read: () => number;
  /** Whether what has been read is all there will ever be, so that its last line is whole. */
  readonly closed: boolean;
  readonly chunks: AsyncIterable<Buffer>;
}

const CHUNK = 1024 * 1024;
const GZIP = Buffer.from([0x1f, 0x8b]);

/** The size of a file that can be imported; says what is wrong with one that cannot. */
export const sizeOf = async (name: string): Promise<number | undefined> => {
  if (name === STDIN) return undefined;
  const found = await stat(name).catch((error: unknown) => {
    throw new CliError(
      `${name} cannot be read${errorCode(error) === 'ENOENT' ? ': there is no such file' : ''}.`,
    );
  });
  if (found.isDirectory()) throw new CliError(`${name} is a directory.`, 'Name the files in it.');
  return found.isFile() ? found.size : undefined;
};

/** Opens a file or standard input; what is compressed with gzip is known by its first bytes. */
export const openSource = async (name: string): Promise<Source> => {
  const size = await sizeOf(name);
  const input: Readable = name === STDIN ? process.stdin : createReadStream(name, { highWaterMark: CHUNK });
  let read = 0;
  const counted = async function* (): AsyncGenerator<Buffer, undefined> {
    for await (const chunk of input as AsyncIterable<Buffer>) {
      read += chunk.length;
      yield chunk;
    }
  };
  const { head, chunks } = await peek(counted(), GZIP.length);
  const compressed = head.subarray(0, GZIP.length).equals(GZIP);
  return {
    name,
    size,
    read: () => read,
    closed: compressed || name === STDIN,
    chunks: compressed ? gunzipped(name, chunks) : chunks,
  };
};

/** The first bytes of a sequence, and the whole of it. */
const peek = async (
  chunks: AsyncGenerator<Buffer, undefined>,
  length: number,
): Promise<{ readonly head: Buffer; readonly chunks: AsyncIterable<Buffer> }> => {
  let head: Buffer = Buffer.alloc(0);
  while (head.length < length) {
    const next = await chunks.next();
    if (next.done === true) break;
    head = head.length === 0 ? next.value : Buffer.concat([head, next.value]);
  }
  const all = async function* (): AsyncGenerator<Buffer> {
    if (head.length > 0) yield head;
    yield* chunks;
  };
  return { head, chunks: all() };
};

const gunzipped = async function* (name: string, chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize: CHUNK });
  const feed = async (): Promise<void> => {
    for await (const chunk of chunks)
      if (!gunzip.write(chunk)) await new Promise((resolve) => gunzip.once('drain', resolve));
    gunzip.end();
  };
  const fed = feed().catch((error: unknown) => {
    gunzip.destroy(error instanceof Error ? error : new Error(String(error)));
  });
  try {
    for await (const chunk of gunzip as AsyncIterable<Buffer>) yield chunk;
    await fed;
  } catch (error) {
    throw new CliError(
      `${name} is not whole: ${error instanceof Error ? error.message : String(error)}.`,
      'What came before is imported; run the import again with a whole file, and it goes on.',
    );
  }
};
