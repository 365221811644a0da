import { isClientCommand, type DeploymentWindow } from '../../domain/detection/structure.js';
import { START, type EventLog, type Position, type RecordedEvent } from '../../eventstore/event-store.js';

/** What has to be known of the log before a deployment. */
export interface Before {
  /** Whether the deployment's release wrote nothing before. */
  readonly release_is_new: boolean;
  /** The records that a client's command stands at the root of. */
  readonly rooted: Pick<ReadonlySet<string>, 'has'>;
  /** The records of which it will be asked, before and after; absent: of any. */
  readonly asked?: ReadonlySet<string> | undefined;
}

/**
 * The records that process managers reacted to, and how far the log was read: of no others up to there is it asked what
 * stands at their root. They are few beside the telemetry.
 */
export const readReactedTo = async (
  log: Pick<EventLog, 'readAll'>,
): Promise<{ readonly asked: ReadonlySet<string>; readonly until: Position }> => {
  const asked = new Set<string>();
  let until = START;
  for await (const { events, position } of log.readAll(START)) {
    for (const { metadata } of events)
      if (metadata.origin === 'process_manager') asked.add(metadata.causation_id);
    until = position;
  }
  return { asked, until };
};

/**
 * Which records of the log a client's command stands at the root of, and since when there was each release: what
 * structure asks of the past, of every deployment. Read once, then only what has come since; of records their
 * provenance alone.
 */
export class Lineage {
  /** Where each such record stands, by its id. */
  readonly #rooted = new Map<string, string>();
  readonly #releases = new Map<string, string>();
  #position: Position = START;
  #full = false;

  /**
   * @param limit how many records it may hold.
   * @param asked of which records it will be asked, where that is known; it holds no others.
   */
  constructor(
    private readonly limit: number,
    private readonly asked?: ReadonlySet<string>,
  ) {}

  /** How many records it holds. */
  get size(): number {
    return this.#rooted.size;
  }

  /** Whether there were more records than it may hold: then it does not know. */
  get isFull(): boolean {
    return this.#full;
  }

  /** Reads on up to a position, what stands there included. */
  async advance(log: Pick<EventLog, 'readAll'>, until: string): Promise<void> {
    if (this.#position >= until || this.#full) return;
    for await (const { events, position } of log.readAll(this.#position)) {
      for (const record of events) {
        // What stands behind it is read when somebody asks for it.
        if (record.position > until) return;
        this.#take(record);
        this.#position = record.position;
        if (this.#rooted.size > this.limit) {
          this.#full = true;
          this.#rooted.clear();
          return;
        }
      }
      this.#position = position;
    }
  }

  /** What was there before a deployment that it has read as far as. */
  before({ begin, release }: DeploymentWindow): Before {
    const stoodBefore = (position: string | undefined): boolean =>
      position !== undefined && position <= begin;
    return {
      release_is_new: !stoodBefore(this.#releases.get(release)),
      rooted: { has: (id) => stoodBefore(this.#rooted.get(id)) },
      asked: this.asked,
    };
  }

  #take({ id, position, metadata }: RecordedEvent): void {
    const { release, origin, causation_id } = metadata;
    if (!this.#releases.has(release)) this.#releases.set(release, position);
    if (this.asked && !this.asked.has(id)) return;
    if (isClientCommand(metadata) || (origin === 'process_manager' && this.#rooted.has(causation_id)))
      this.#rooted.set(id, position);
  }
}
