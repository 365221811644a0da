import { dirname } from 'node:path';
import { threadId } from 'node:worker_threads';
import { crc32 } from 'node:zlib';
import { ByteReader, ByteWriter, UndecodableColumns } from '../../../domain/telemetry/column-codec/bytes.js';
import { gatherTexts } from '../../../domain/telemetry/column-codec/gather.js';
import {
  readTextFilter,
  TextFilterBuilder,
  writeTextFilter,
  type TextFilter,
} from '../../../domain/telemetry/query/text-filter.js';
import { deflateCompression } from '../../../platform/compression.js';
import { removeIfThere, type Files } from '../../../platform/files.js';
import type { Segment } from '../segments.js';
import type { SealedFile } from './sealed-file.js';

/**
 * Filters of the texts in a sealed segment, one for each of its blocks as they are when the filters are made. They are
 * a part of the index: made again where they are missing or do not check out.
 *
 *   magic u32, version u8 (2), the log's chain after the segment 32 bytes, `dropped` of the segment varint,
 *   filters varint, each: the number of its first record varint, the filter (query/text-filter.ts); then CRC-32 u32
 *
 * The chain says which records they are of. Of those some may be taken out later, none is ever added: filters stay
 * right for every later form of the segment. What was made for a form that never took its place is not used.
 */
const MAGIC = Buffer.from('PStf');
const VERSION = 2;
const CHAIN_BYTES = 32;
const CHECKSUM_BYTES = 4;

/** A segment's filters, oldest first. */
export class TextFilters {
  constructor(private readonly filters: readonly { readonly first: number; readonly filter: TextFilter }[]) {}

  /** The filter of the texts among which a record's are. */
  of(number: number): TextFilter | undefined {
    return this.filters.findLast(({ first }) => first <= number)?.filter;
  }

  /** Reads the filters of a sealed segment; undefined where there are none. */
  static async read(
    files: Pick<Files, 'open'>,
    { filters: path }: Pick<Segment, 'filters'>,
    { header }: Pick<SealedFile, 'header'>,
  ): Promise<TextFilters | undefined> {
    const bytes = await contentOf(files, path);
    if (!bytes) return undefined;
    try {
      const from = new ByteReader(bytes, deflateCompression);
      const isKnown = MAGIC.equals(from.take(MAGIC.length)) && from.byte() === VERSION;
      if (!isKnown || !header.after.equals(from.take(CHAIN_BYTES))) return undefined;
      if (from.varint() > header.dropped) return undefined;
      return new TextFilters(
        Array.from({ length: from.varint() }, () => ({ first: from.varint(), filter: readTextFilter(from) })),
      );
    } catch (error) {
      if (error instanceof UndecodableColumns) return undefined;
      throw error;
    }
  }

  /** Makes the filters of a sealed segment and writes them into its place. */
  static async make(
    files: Pick<Files, 'open' | 'makeDirectory' | 'rename' | 'remove'>,
    { filters: path }: Pick<Segment, 'filters'>,
    sealed: SealedFile,
  ): Promise<TextFilters> {
    const filters: { readonly first: number; readonly filter: TextFilter }[] = [];
    for await (const block of sealed.blocks()) {
      const builder = new TextFilterBuilder();
      for (const stripe of block.stripes) gatherTexts(stripe, builder);
      filters.push({ first: block.number, filter: builder.filter() });
    }
    const out = new ByteWriter(deflateCompression);
    out.put(MAGIC);
    out.byte(VERSION);
    out.put(sealed.header.after);
    out.varint(sealed.header.dropped);
    out.varint(filters.length);
    for (const { first, filter } of filters) {
      out.varint(first);
      writeTextFilter(filter, out);
    }
    const checksum = Buffer.alloc(CHECKSUM_BYTES);
    checksum.writeUInt32LE(crc32(out.bytes()));
    out.put(checksum);
    await replace(files, path, out.bytes());
    return new TextFilters(filters);
  }
}

/** What stands before the checksum of a file; undefined where none can be read that checks out. */
const contentOf = async (files: Pick<Files, 'open'>, path: string): Promise<Buffer | undefined> => {
  const file = await files.open(path, 'read').catch(() => undefined);
  if (!file) return undefined;
  try {
    const bytes = Buffer.alloc(await file.size());
    const end = (await file.read(bytes, 0)) - CHECKSUM_BYTES;
    if (end < 0 || crc32(bytes.subarray(0, end)) !== bytes.readUInt32LE(end)) return undefined;
    return bytes.subarray(0, end);
  } catch {
    return undefined;
  } finally {
    await file.close();
  }
};

/**
 * Not flushed: what a crash leaves half written does not check out. Nor does it matter where it cannot be written:
 * whoever needs the filters makes them again.
 */
const replace = async (
  files: Pick<Files, 'open' | 'makeDirectory' | 'rename' | 'remove'>,
  path: string,
  bytes: Uint8Array,
): Promise<void> => {
  const unfinished = `${path}.${threadId}`;
  try {
    await files.makeDirectory(dirname(path));
    const file = await files.open(unfinished, 'create');
    try {
      await file.write(bytes, 0);
    } finally {
      await file.close();
    }
    await files.rename(unfinished, path);
  } catch {
    // What was there says more than it should where something was taken out.
    for (const name of [unfinished, path]) await removeIfThere(files, name).catch(() => undefined);
  }
};
