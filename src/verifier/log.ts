import { isSealedSegment, readSealedSegment } from './sealed-segment.js';
import type { Report } from './problem.js';
import { readRawSegment, type FoundRecord, type Standing } from './raw-segment.js';

/** Where segments come from: a directory, or what a test makes of one. */
export interface Source {
  /** The names of the segments, in order. */
  readonly names: readonly string[];
  readonly read: (name: string) => Promise<Buffer>;
}

/** Follows a log from its first record on, segment by segment. `live`: it may be written to at its end meanwhile. */
export async function* readLog(
  source: Source,
  report: Report,
  live: boolean,
): AsyncGenerator<FoundRecord, void> {
  let standing: Standing = { number: 1, chain: Buffer.alloc(32) };
  for (const [i, name] of source.names.entries()) {
    if (Number.parseInt(name, 16) !== standing.number)
      report({
        code: Number.parseInt(name, 16) > standing.number ? 'missing' : 'misplaced',
        segment: name,
        detail: `a segment that begins with record ${standing.number} is due`,
      });
    const bytes = await source.read(name);
    standing = isSealedSegment(bytes)
      ? yield* readSealedSegment(name, bytes, standing, report)
      : yield* readRawSegment(name, bytes, standing, report, live && i === source.names.length - 1);
  }
}
