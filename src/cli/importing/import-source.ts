import { hash } from 'node:crypto';
import {
  recognise,
  type LineOutcome,
  type LogFormat,
  type Reading,
} from '../../domain/telemetry/access-log/formats.js';
import { CliError } from '../output.js';
import type { Progress } from '../progress.js';
import { LineSplitter, LONGEST_LINE, type Line } from './lines.js';
import { eventIdOf, PieceMaker, type Piece } from './pieces.js';
import type { ImportServer } from './server.js';
import type { Source } from './source.js';
import type { ImportState } from './state.js';

/** How many requests are under way at once. */
const IN_FLIGHT = 4;
/** Lines in which the format must be found. */
const LOOKED_AT = 100;

export interface Totals {
  lines: number;
  /** Events that the server stored now. */
  accepted: number;
  /** Events that it had from an earlier import. */
  duplicates: number;
  /** Events that it refused. */
  rejected: number;
  /** Lines that are no event. */
  skipped: number;
  /** 1 where the last line has no end yet and was left for the next time. */
  left: number;
}

export const noTotals = (): Totals => ({
  lines: 0,
  accepted: 0,
  duplicates: 0,
  rejected: 0,
  skipped: 0,
  left: 0,
});

/** A line that was not stored, and why. */
export interface BadLine {
  readonly file: string;
  readonly line: number;
  readonly reason: string;
  readonly text: string;
}

/** Where an import takes place. */
export interface Workshop {
  /** Named by the user; absent, it is found by the first lines. */
  readonly format?: LogFormat;
  /** How lines are read in a format. */
  readonly readingOf: (format: LogFormat) => Reading;
  /** Whatever makes the events of the same lines others: tenant, labels, zone. */
  readonly seedOf: (format: LogFormat) => string;
  /** What is known of earlier imports of a log with such a first line; undefined: nothing is to be sent. */
  readonly stateOf: (first_line: string) => Promise<ImportState | undefined>;
  readonly server: ImportServer | undefined;
  /** Takes lines that are not stored; when it resolves they are written where they should be. */
  readonly onBad: (lines: readonly BadLine[]) => Promise<void>;
  /** Takes those that an earlier import has taken. */
  readonly onKnownBad: (lines: readonly BadLine[]) => void;
  readonly onFormat: (format: LogFormat) => void;
  /** Takes events that would be sent, where there is no server. */
  readonly onEvent: (event: string) => void;
}

/** A source's lines, those that a chunk completes at once; the last one may lack its end. */
const linesOf = async function* (source: Source, progress: Progress): AsyncGenerator<Iterable<Line>> {
  const splitter = new LineSplitter();
  for await (const chunk of source.chunks) {
    yield splitter.push(chunk);
    progress.update(source.read());
  }
  const last = splitter.end();
  if (last) yield [last];
};

/** Imports one source. Several batches are under way at once; what each comes to is noted as soon as it is answered. */
export const importSource = async (
  source: Source,
  workshop: Workshop,
  totals: Totals,
  progress: Progress,
): Promise<{ readonly format: LogFormat; readonly position: string } | undefined> => {
  let at_work: SourceImport | undefined;
  // Lines that stand before the first one whose format is known.
  let waiting: Line[] = [];
  const begin = async (): Promise<SourceImport> => {
    const format = workshop.format ?? recognise(waiting.map(({ text }) => text));
    if (!format)
      throw new CliError(
        `The format of ${source.name} is not one that is known.`,
        'Name it with --format; pulsestream import --help lists them.',
      );
    workshop.onFormat(format);
    const [first] = waiting;
    const begun = new SourceImport(
      source,
      format,
      workshop,
      totals,
      await workshop.stateOf(first?.text ?? ''),
    );
    for (const line of waiting) await begun.add(line);
    waiting = [];
    return begun;
  };

  try {
    for await (const lines of linesOf(source, progress))
      for (const line of lines) {
        if (at_work) {
          const busy = at_work.add(line);
          if (busy) await busy;
          continue;
        }
        waiting.push(line);
        if (workshop.format || waiting.length === LOOKED_AT || recognise([line.text]))
          at_work = await begin();
      }
    if (!at_work && waiting.length > 0) at_work = await begin();
    await at_work?.end();
  } finally {
    await at_work?.close();
  }
  return at_work && { format: at_work.format, position: at_work.position };
};

class SourceImport {
  position = '';
  readonly #pieces: PieceMaker;
  readonly #reading: Reading;
  readonly #in_flight = new Set<Promise<void>>();
  /** The first thing that went wrong, which ends the import. */
  #failed: { readonly error: unknown } | undefined;
  /** The newest lines that stand in a piece. */
  #before: readonly string[] = [];
  /** The last line, where no line break ends it. */
  #last: Line | undefined;

  constructor(
    private readonly source: Source,
    readonly format: LogFormat,
    private readonly workshop: Workshop,
    private readonly totals: Totals,
    private readonly state: ImportState | undefined,
  ) {
    this.#reading = workshop.readingOf(format);
    this.#pieces = new PieceMaker(workshop.seedOf(format), (batch) => state?.cutsOf(batch) ?? new Set());
  }

  /** Takes the next line; a promise where the next should wait. */
  add(line: Line): Promise<void> | undefined {
    if (!line.ended) {
      this.#last = line;
      return undefined;
    }
    this.totals.lines += 1;
    const piece = this.#pieces.add(line);
    return piece && this.#take(piece);
  }

  /** Takes what is left. A line without its end stands in a piece of its own: should it grow after all, the others stay. */
  async end(): Promise<void> {
    await this.#takeRest();
    if (this.#last) {
      if (this.source.closed || this.#isWhole(this.#last.text)) {
        this.totals.lines += 1;
        const piece = this.#pieces.add(this.#last);
        if (piece) await this.#take(piece);
        else await this.#takeRest();
      } else this.totals.left += 1;
    }
    await Promise.all(this.#in_flight);
    this.#throwFailed();
  }

  async close(): Promise<void> {
    await Promise.all(this.#in_flight);
    await this.state?.close();
  }

  #isWhole(text: string): boolean {
    const isRead = (line: string): boolean => this.format.read(line, this.#reading).ok;
    return isRead(text) && this.format.isWhole(text, this.#before.findLast(isRead));
  }

  async #takeRest(): Promise<void> {
    const piece = this.#pieces.rest();
    if (piece) await this.#take(piece);
  }

  async #take(piece: Piece): Promise<void> {
    this.#throwFailed();
    this.#before = piece.lines;
    const done = this.state?.done(piece);
    if (done) {
      this.totals.duplicates += done.events;
      this.totals.rejected += done.rejected;
      this.totals.skipped += done.skipped;
      if (done.skipped > 0) this.workshop.onKnownBad(this.#read(piece).bad);
      return;
    }
    if (piece.cut) await this.state?.cut(piece);
    while (this.#in_flight.size >= IN_FLIGHT) await Promise.race(this.#in_flight);
    const sending = this.#send(piece)
      .catch((error: unknown) => {
        this.#failed ??= { error };
      })
      .finally(() => this.#in_flight.delete(sending));
    this.#in_flight.add(sending);
  }

  #throwFailed(): void {
    if (this.#failed) throw this.#failed.error;
  }

  /** A piece's lines as events, with their places in it, and those that are none. */
  #read(piece: Piece): {
    readonly events: readonly string[];
    readonly places: readonly number[];
    readonly bad: BadLine[];
  } {
    const events: string[] = [];
    const places: number[] = [];
    const bad: BadLine[] = [];
    for (const [place, line] of piece.lines.entries()) {
      if (line.trim() === '') continue;
      const read = readLine(this.format, line, this.#reading);
      if (read.ok) {
        const id = eventIdOf(piece, place);
        events.push(read.named ? read.text : `{"id":"${id}",${read.text.slice(1)}`);
        places.push(place);
      } else bad.push(this.#badLine(piece, place, read.reason));
    }
    return { events, places, bad };
  }

  #badLine(piece: Piece, place: number, reason: string): BadLine {
    return { file: this.source.name, line: piece.first + place, reason, text: piece.lines[place] ?? '' };
  }

  async #send(piece: Piece): Promise<void> {
    const { events, places, bad } = this.#read(piece);
    const skipped = bad.length;

    let stored = events.length;
    if (this.workshop.server && events.length > 0) {
      const body = events.join('\n');
      const answer = await this.workshop.server.send(body, keyOf(piece, body));
      for (const { index, reason } of answer.refused)
        bad.push(this.#badLine(piece, places[index] ?? 0, reason));
      stored = answer.accepted + answer.duplicates;
      this.totals.accepted += answer.accepted;
      this.totals.duplicates += answer.duplicates;
      if (answer.position > this.position) this.position = answer.position;
    } else for (const event of events) this.workshop.onEvent(event);

    const rejected = bad.length - skipped;
    this.totals.skipped += skipped;
    this.totals.rejected += rejected;
    if (bad.length > 0) await this.workshop.onBad(bad);
    await this.state?.finish(piece, { events: stored, rejected, skipped });
  }
}

const readLine = (format: LogFormat, line: string, reading: Reading): LineOutcome =>
  line.length > LONGEST_LINE
    ? { ok: false, reason: `longer than ${LONGEST_LINE} characters` }
    : format.read(line, reading);

/**
 * Names a request: by its lines and their history, and by its body, so that a release that makes other events of the
 * same lines asks for something else instead of being refused.
 */
const keyOf = ({ key }: Piece, body: string): string =>
  `import-${key}-${hash('sha256', body, 'base64url').slice(0, 16)}`;
