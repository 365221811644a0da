import type { Clock } from '../../../platform/clock.js';
import { removeIfThere, type Files } from '../../../platform/files.js';
import { InTurn } from '../../../platform/in-turn.js';
import { DroppingForbidden, type DroppingOptions, type DroppingResult } from '../../dropping.js';
import type { Layout } from '../layout.js';
import type { Segment, Segments } from '../segments.js';
import { openForm } from './open-form.js';
import { sealSegment, type Dropping, type OnShare, type Sealed } from './seal-segment.js';

/** Encodes a segment anew into a file: in this thread or in another one. Rejects where the signal aborts. */
export type EncodeSegment = (
  segment: Segment,
  target: string,
  onShare: OnShare,
  signal: AbortSignal,
  dropping?: Dropping,
) => Promise<Sealed>;

/** Encodes in this thread. */
export const encodeHere =
  (files: Files): EncodeSegment =>
  (segment, target, onShare, signal, dropping) =>
    sealSegment(
      files,
      segment,
      target,
      (share) => {
        signal.throwIfAborted();
        onShare(share);
      },
      dropping,
    );

/** What sealing came to. */
export interface SealingResult {
  readonly segments: number;
  readonly records: number;
  /** Of the lines of telemetry in them, as received. */
  readonly line_bytes: number;
  /** What the sealed segments took before, and what they take now. */
  readonly raw_bytes: number;
  readonly bytes: number;
}

export interface SealingProgress {
  readonly bytes: number;
  readonly total: number;
}

/** What is told of sealing in the background. */
export interface SealingReport {
  sealed(segment: string, result: Sealed): void;
  /** It failed, and will be tried again. */
  failed(error: unknown): void;
}

/** How often it is looked whether a segment is full. */
const LOOK_MS = 1_000;
/** Bytes appended a second beyond which the processors are for those who append: encoding takes more than receiving. */
const BUSY_BYTES = 8 * 1024 * 1024;
const RETRY_MS = 60_000;

/**
 * Seals segments that are no longer written to, one at a time. The new file takes the name of the old one in one step:
 * whoever reads the old one has it open and reads on, whoever opens the name finds one whole form or the other.
 */
export class Sealing {
  readonly #closing = new AbortController();
  /** Names of segments that are known to be sealed. */
  readonly #sealed = new Set<string>();
  readonly #turns = new InTurn();
  #background: Promise<void> | undefined;
  #trouble: string | undefined;
  readonly #flow: Flow;

  constructor(
    private readonly segments: Segments,
    private readonly files: Files,
    private readonly layout: Layout,
    private readonly encode: EncodeSegment,
    private readonly clock: Clock,
    /** How many bytes were appended so far. */
    appended: () => number,
    /** How many segments may wait for quieter times. */
    private readonly most_waiting: number,
  ) {
    this.#flow = new Flow(clock, appended);
  }

  /** Why segments stay as they are; undefined where they do not. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** Seals what is full from now on, until it is closed; while much is appended it waits, within bounds. */
  start(report: SealingReport): void {
    this.#background ??= this.#follow(report);
  }

  async #follow(report: SealingReport): Promise<void> {
    const { signal } = this.#closing;
    const over = (): boolean => signal.aborted;
    while (!over()) {
      let pause = LOOK_MS;
      try {
        for (let [next] = await this.#due(); next && !over(); [next] = await this.#due()) {
          const segment = next;
          const result = await this.#turns.do(() => this.#seal(segment, () => undefined));
          if (result) report.sealed(segment.name, result);
        }
        this.#trouble = undefined;
      } catch (error) {
        if (over()) break;
        this.#trouble = error instanceof Error ? error.message : String(error);
        report.failed(error);
        pause = RETRY_MS;
      }
      await this.clock.sleep(pause, signal);
    }
  }

  /** Seals everything that is full now. */
  async sealAll(onProgress: (progress: SealingProgress) => void = () => undefined): Promise<SealingResult> {
    const waiting = await this.#full();
    const sizes = await Promise.all(waiting.map((segment) => this.#sizeOf(segment)));
    const total = sizes.reduce((sum, size) => sum + size, 0);
    let before = 0;
    let result: SealingResult = { segments: 0, records: 0, line_bytes: 0, raw_bytes: 0, bytes: 0 };
    for (const [i, segment] of waiting.entries()) {
      const size = sizes[i] ?? 0;
      const sealed = await this.#turns.do(() =>
        this.#seal(segment, (share) => {
          onProgress({ bytes: before + share * size, total });
        }),
      );
      before += size;
      onProgress({ bytes: before, total });
      if (sealed)
        result = {
          segments: result.segments + 1,
          records: result.records + sealed.records,
          line_bytes: result.line_bytes + sealed.line_bytes,
          raw_bytes: result.raw_bytes + sealed.raw_bytes,
          bytes: result.bytes + sealed.bytes,
        };
    }
    this.#trouble = undefined;
    return result;
  }

  /**
   * Takes out of full segments what is to be gone. Those out of which it was taken before are left as they are. Throws
   * DroppingForbidden.
   */
  async drop(
    segments: readonly Segment[],
    dropping: Dropping,
    { isAllowed, signal, onShare = () => undefined }: DroppingOptions,
  ): Promise<DroppingResult> {
    let result: DroppingResult = { segments: 0, records: 0, cut: 0, before_bytes: 0, bytes: 0 };
    for (const [i, segment] of segments.entries()) {
      const dropped = await this.#turns.do(() =>
        this.#drop(segment, dropping, {
          isAllowed,
          signal,
          onShare: (share) => {
            onShare((i + share) / segments.length);
          },
        }),
      );
      onShare((i + 1) / segments.length);
      if (dropped)
        result = {
          segments: result.segments + 1,
          records: result.records + dropped.dropped,
          cut: result.cut + dropped.cut,
          before_bytes: result.before_bytes + dropped.before_bytes,
          bytes: result.bytes + dropped.bytes,
        };
    }
    return result;
  }

  async #drop(
    segment: Segment,
    dropping: Dropping,
    options: Required<DroppingOptions>,
  ): Promise<(Sealed & { readonly before_bytes: number }) | undefined> {
    if ((await this.#droppedOf(segment)) >= dropping.through) return undefined;
    const before_bytes = await this.#sizeOf(segment);
    return { ...(await this.#replace(segment, options.onShare, { dropping, ...options })), before_bytes };
  }

  /** The number of the newest record that says what was taken out of a segment. */
  async #droppedOf(segment: Segment): Promise<number> {
    const form = await openForm(this.segments, segment);
    await ('sealed' in form ? form.sealed : form.raw).close();
    return 'sealed' in form ? form.sealed.header.dropped : 0;
  }

  /** Gives up what is under way: the old form stays. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#background;
    await this.#turns.ended();
  }

  /** The segments that can be sealed, oldest first: all but the one that is written to and those that are sealed. */
  async #full(): Promise<readonly Segment[]> {
    const full = this.segments.all.slice(0, -1).filter(({ name }) => !this.#sealed.has(name));
    const raw: Segment[] = [];
    for (const segment of full) if (!(await this.#isSealed(segment))) raw.push(segment);
    return raw;
  }

  /** Those of them that should be sealed now. */
  async #due(): Promise<readonly Segment[]> {
    const full = await this.#full();
    return this.#flow.isBusy() && full.length <= this.most_waiting ? [] : full;
  }

  async #isSealed(segment: Segment): Promise<boolean> {
    if (this.#sealed.has(segment.name)) return true;
    const form = await openForm(this.segments, segment);
    const sealed = 'sealed' in form;
    await (sealed ? form.sealed : form.raw).close();
    if (sealed) this.#sealed.add(segment.name);
    return sealed;
  }

  async #sizeOf(segment: Segment): Promise<number> {
    const file = await this.segments.open(segment, 'read');
    try {
      return await file.size();
    } finally {
      await file.close();
    }
  }

  /** Seals a segment; undefined where it is sealed already. Where it rejects, the old form is there. */
  async #seal(segment: Segment, onShare: OnShare): Promise<Sealed | undefined> {
    this.#closing.signal.throwIfAborted();
    return (await this.#isSealed(segment)) ? undefined : this.#replace(segment, onShare);
  }

  /** Puts a segment's new form in the place of the old one. Where it rejects, the old form is there. */
  async #replace(
    segment: Segment,
    onShare: OnShare,
    drop?: Required<DroppingOptions> & { readonly dropping: Dropping },
  ): Promise<Sealed> {
    const signal = drop ? AbortSignal.any([this.#closing.signal, drop.signal]) : this.#closing.signal;
    signal.throwIfAborted();
    const target = this.layout.sealing;
    const insistAllowed = (): void => {
      if (drop && !drop.isAllowed()) throw new DroppingForbidden();
    };
    insistAllowed();
    try {
      const sealed = await this.encode(segment, target, onShare, signal, drop?.dropping);
      const next = this.segments.after(segment);
      if (!next || sealed.last + 1 !== next.first || !next.chain.equals(sealed.chain))
        throw new Error(`${segment.name} does not end where the next one begins; it stays as it is`);
      insistAllowed();
      await this.files.rename(target, segment.path);
      this.#sealed.add(segment.name);
      await this.files.flushDirectory(this.layout.log);
      await this.files.flushDirectory(this.layout.root);
      return sealed;
    } catch (error) {
      await removeIfThere(this.files, target);
      throw error;
    }
  }
}

/** How much comes in. */
class Flow {
  #at: number;
  #bytes: number;
  #busy = false;

  constructor(
    private readonly clock: Pick<Clock, 'monotonic'>,
    private readonly appended: () => number,
  ) {
    this.#at = clock.monotonic();
    this.#bytes = appended();
  }

  /** Whether more came than {@link BUSY_BYTES} a second since this was asked before, or lately. */
  isBusy(): boolean {
    const elapsed = this.clock.monotonic() - this.#at;
    if (elapsed < LOOK_MS / 2) return this.#busy;
    const bytes = this.appended();
    this.#busy = ((bytes - this.#bytes) * 1000) / elapsed > BUSY_BYTES;
    this.#at += elapsed;
    this.#bytes = bytes;
    return this.#busy;
  }
}
