import { writeCheckpoint } from '../../domain/integrity/checkpoint.js';
import {
  proveConsistency,
  rootAt,
  type Hash,
  type Sha256,
  type TreeHead,
} from '../../domain/integrity/merkle.js';
import { hasNews, sealEventTypes, type CheckpointSealed, type Seals } from '../../domain/integrity/seals.js';
import { signNote, type NoteSigner } from '../../domain/integrity/signed-note.js';
import { readEvent } from '../../domain/stored-event.js';
import { sealsStream } from '../../domain/streams.js';
import {
  START,
  type EventLog,
  type RecordedEvent,
  type Revision,
  type StreamName,
} from '../../eventstore/event-store.js';
import type { LogTree } from '../../eventstore/log-tree.js';
import type { Clock } from '../../platform/clock.js';
import type { Logger } from '../../platform/logger.js';
import { Loop } from '../loop.js';
import type { ReactionOutcome } from '../process.js';
import type { ProcessStatus } from '../process-manager.js';
import type { Snapshots } from '../snapshots.js';
import type { Seal } from './record-seal.js';
import type { SignedCheckpoint, Witness } from './witness.js';

export interface SealerDependencies {
  readonly log: EventLog;
  readonly tree: LogTree;
  readonly sha256: Sha256;
  readonly signer: NoteSigner;
  readonly record: (seal: Seal) => Promise<ReactionOutcome>;
  readonly witnesses: readonly Witness[];
  readonly snapshots: Pick<Snapshots, 'load' | 'save'>;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** Between two looks at the log. */
  readonly every_ms: number;
}

/** The log does not hold any more what a checkpoint says that it held. */
export class HistoryChanged extends Error {
  constructor(size: number) {
    super(`the first ${size} records are not those that were sealed: no checkpoint is signed any more`);
    this.name = 'HistoryChanged';
  }
}

/** What witnesses have, and a place to find the newest checkpoint that the log has recorded. */
interface Progress {
  readonly last: CheckpointSealed['data'];
  readonly revision: number;
}

const NAME = 'checkpoint-sealing';
/** Reading the stream goes on from here after a restart: it has one record for every few seconds of writing. */
const SAVE_EVERY = 64;

/**
 * Signs checkpoints of the log, records them in it, and hands copies to witnesses. Looks at the log every few seconds,
 * and once more when it is stopped; appends only where there is something that no checkpoint covers, and only a tree
 * that begins with the one that was signed last: a history that was changed is never signed.
 */
export class CheckpointSealer {
  readonly #loop = new Loop((signal) => this.#keepSealing(signal));
  #progress: Progress | undefined;
  #loaded = false;
  #waiting: string | undefined;
  #failing: string | undefined;
  /** Of each witness the size of what it has. */
  readonly #published = new Map<Witness, number>();
  #cosigned: string | undefined;

  constructor(private readonly dependencies: SealerDependencies) {}

  /** Starts, unless it runs already. Failures are tried again at the next look. */
  start(): void {
    this.#loop.start();
  }

  /** Seals what there is, and stops. */
  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** The newest checkpoint that is recorded, with what witnesses signed of it; undefined before the first. */
  latest(): SignedCheckpoint | undefined {
    const last = this.#progress?.last;
    return last && { size: last.size, note: this.#cosigned ?? last.note };
  }

  status(): ProcessStatus {
    const detail = this.#failing ?? this.#waiting;
    const active = this.#failing !== undefined ? 'failing' : detail === undefined ? 'running' : 'waiting';
    return {
      name: NAME,
      state: this.#loop.isRunning ? active : 'stopped',
      ...(this.#loop.isRunning && detail !== undefined && { detail }),
      position: START,
      caught_up: this.#loaded,
      refused: 0,
      details: {
        sealed_records: this.#progress?.last.size ?? 0,
        witnesses: this.dependencies.witnesses.length,
      },
    };
  }

  async #keepSealing(signal: AbortSignal): Promise<void> {
    const { clock, every_ms, logger } = this.dependencies;
    for (let last = false; !last;) {
      last = signal.aborted;
      try {
        this.#waiting = undefined;
        await this.#look();
        this.#failing = undefined;
      } catch (error) {
        const detail = error instanceof Error ? error.message : String(error);
        if (detail !== this.#failing)
          logger.error({ err: error, process: NAME }, 'The log could not be sealed.');
        this.#failing = detail;
      }
      if (!last) await clock.sleep(every_ms, signal);
    }
  }

  async #look(): Promise<void> {
    if (!this.#loaded) this.#progress = await this.#load();
    this.#loaded = true;
    const head = await this.dependencies.tree.head();
    // Another process may have sealed it meanwhile.
    if (this.#isNews(head)) await this.#readOn();
    if (this.#isNews(head)) await this.#seal(head);
    await this.#publish();
  }

  #isNews({ size }: TreeHead): boolean {
    return hasNews(seals(this.#progress?.last), size);
  }

  async #seal(head: TreeHead): Promise<void> {
    const { signer, record } = this.dependencies;
    const known = this.#progress;
    if (known) await this.#insistUnchanged(known.last, head);
    const note = signNote(writeCheckpoint({ origin: signer.key.name, ...head }), signer);
    const checkpoint = { size: head.size, root: Buffer.from(head.root).toString('base64'), note };
    const result = await record({
      checkpoint,
      ...(known && { last: { ...known.last, revision: known.revision } }),
      cause: await this.#recordAt(head.size),
    });
    if (result.outcome === 'guarded' || result.outcome === 'unavailable') {
      this.#waiting = result.detail;
      return;
    }
    // What is in the log counts, whoever put it there.
    await this.#readOn();
    if (result.outcome === 'refused' && this.#isNews(head)) throw new Error(result.detail);
    if ((this.#progress?.revision ?? 0) % SAVE_EVERY === 0) await this.#save();
  }

  async #readOn(): Promise<void> {
    const known = this.#progress;
    this.#progress = await this.#read(known);
    if (this.#progress?.revision !== known?.revision) this.#cosigned = undefined;
  }

  /** Throws HistoryChanged where the tree does not begin with what was sealed. */
  async #insistUnchanged({ size, root }: CheckpointSealed['data'], head: TreeHead): Promise<void> {
    const { tree, sha256 } = this.dependencies;
    const begins = async (): Promise<boolean> =>
      size <= head.size && Buffer.from(await rootAt(sha256, tree.nodes, size)).toString('base64') === root;
    if (await begins()) return;
    // What is kept of the tree may be damaged; the records themselves decide.
    await tree.rebuild();
    if (!(await begins())) throw new HistoryChanged(size);
  }

  /** The last record that a tree covers; undefined where readers do not see it. */
  async #recordAt(size: number): Promise<RecordedEvent | undefined> {
    const { log, tree } = this.dependencies;
    const before = size > 1 ? await tree.positionOf(size - 2) : START;
    if (before === undefined) return undefined;
    for await (const { events } of log.readAll(before)) return events[0];
    return undefined;
  }

  async #publish(): Promise<void> {
    const { witnesses, logger } = this.dependencies;
    const last = this.#progress?.last;
    if (!last) return;
    for (const witness of witnesses) {
      if (this.#published.get(witness) === last.size) continue;
      try {
        const note = await witness.publish(last, (earlier) => this.#prove(earlier, last.size));
        this.#published.set(witness, last.size);
        this.#cosigned = (this.#cosigned ?? last.note) + note.slice(last.note.length);
      } catch (error) {
        this.#waiting = `A witness has no copy of the last checkpoint: ${error instanceof Error ? error.message : String(error)}`;
        logger.warn({ err: error, witness: witness.name }, 'A checkpoint could not be handed to a witness.');
      }
    }
  }

  #prove(earlier: number, size: number): Promise<readonly Hash[]> {
    const { tree, sha256 } = this.dependencies;
    return proveConsistency(sha256, tree.nodes, earlier, size);
  }

  /** The newest checkpoint of the log, from where it was found last. */
  async #load(): Promise<Progress | undefined> {
    const saved = await this.dependencies.snapshots.load(NAME);
    const known = saved && (JSON.parse(Buffer.from(saved.state).toString()) as Progress);
    return (known && (await this.#read(known))) ?? (await this.#read(undefined));
  }

  async #read(known: Progress | undefined): Promise<Progress | undefined> {
    let found: Progress | undefined;
    const from = (known?.revision ?? 0) as Revision;
    for await (const event of this.dependencies.log.readStream(sealsStream as StreamName, { from })) {
      const sealed = readEvent<CheckpointSealed>(sealEventTypes, event);
      if (sealed) found = { last: sealed.data, revision: event.revision };
    }
    return found;
  }

  async #save(): Promise<void> {
    if (!this.#progress) return;
    const state = Buffer.from(JSON.stringify(this.#progress));
    await this.dependencies.snapshots.save(NAME, { position: START, state });
  }
}

const seals = (last: CheckpointSealed['data'] | undefined): Seals => (last ? { last } : {});
