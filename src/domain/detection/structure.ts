import type { GuardMode } from '../deployment/deployment.js';
import type { DeploymentId, EventId } from '../ids.js';
import type { Provenance } from '../provenance.js';
import { TELEMETRY_RECORDED } from '../telemetry/stored-chunk.js';
import type { Reason } from './reason.js';

/** A deployment as its own records tell it. */
export interface DeploymentWindow {
  readonly deployment_id: DeploymentId;
  readonly release: string;
  readonly mode: GuardMode;
  /** Position of the record that began it: what several instances were just writing then may stand between the two. */
  readonly begun: string;
  /** Position of the last record before it, and of the one that ended it; without an end it is under way. */
  readonly begin: string;
  readonly end?: string;
}

/** What the structural rule looks at: where a record stands and where it comes from, not what it says. */
export interface TracedRecord {
  readonly id: EventId;
  readonly type: string;
  readonly position: string;
  readonly metadata: Provenance;
  /** Credentials that the record makes: whoever acts with them acts for whoever made them. */
  readonly makes_actor?: string;
}

/** What was found out about one record. */
export interface Finding {
  readonly reasons: readonly Reason[];
  /** Two answers from different evidence: what the record says of itself, and where it stands. */
  readonly by_provenance: boolean;
  readonly by_window: boolean;
}

/** What tells of deployments and quarantines is how the log is kept, not what a deployment introduced. */
export const isBookkeeping = (type: string): boolean => /^(?:Deployment|Quarantine)/.test(type);

/**
 * A seal says of the records before it that they are there. No client asks for it and none of those records brings it
 * about, whatever it is stamped with: only where it stands tells whether it may be there.
 */
const isSeal = (type: string): boolean => type === 'CheckpointSealed';

const CLIENT_ORIGINS: ReadonlySet<string> = new Set(['api', 'otlp', 'import', 'cli']);
const CLIENT_KINDS: ReadonlySet<string> = new Set(['user', 'api_key', 'anonymous', 'operator']);

/**
 * Says of each record from a deployment's begin on, in the log's order, whether the deployment introduced it.
 *
 * A record is held to have been introduced where no client's command stands at the root of its causes, where it was
 * written while the guard forbade it, or where it was caused by, or written with a credential made by, one that was
 * introduced. That is asked of the records in the deployment's window, and, apart from that, of those that are
 * stamped with the deployment or with a release that was not seen before it: what only one of the two finds was
 * stamped falsely or written past the writer.
 */
export class StructuralRule {
  readonly #introduced = new Set<string>();
  readonly #actors = new Set<string>();
  /** Of records in the window and behind it: whether a client's command is at their root. */
  readonly #rooted = new Map<string, boolean>();

  constructor(
    private readonly window: DeploymentWindow,
    /** Whether the deployment's release wrote anything before. */
    private readonly release_is_new: boolean,
    /** Records before the window that a client's command stands at the root of. */
    private readonly rooted_before: Pick<ReadonlySet<string>, 'has'>,
    /** The records that others name as their cause, where that is known. */
    private readonly asked?: Pick<ReadonlySet<string>, 'has'>,
  ) {}

  take(record: TracedRecord): Finding | undefined {
    const { id, type, position, metadata } = record;
    if (isBookkeeping(type) || position <= this.window.begin) return undefined;
    const rooted = this.#isRooted(record);
    if (!this.asked || this.asked.has(id)) this.#rooted.set(id, rooted);
    const inside = this.window.end === undefined || position < this.window.end;
    const stamped =
      metadata.deployment_id === this.window.deployment_id ||
      (this.release_is_new && metadata.release === this.window.release);
    if (isSeal(type) && !inside) return undefined;

    const inherited = this.#inherited(metadata);
    const reasons: Reason[] = [...inherited];
    if (inside && !this.#mayBeWritten(type))
      reasons.push({
        code: 'written_under_guard',
        detail: `The guard was ${this.window.mode}: no ${type} was to be written.`,
      });
    if ((inside || stamped) && !rooted) reasons.push(noClient(metadata));
    if (reasons.length === 0) return undefined;
    this.#introduced.add(id);
    if (record.makes_actor !== undefined) this.#actors.add(record.makes_actor);
    // What follows from an introduced record follows by its causes, whatever it is stamped with and wherever it stands.
    const follows = inherited.length > 0;
    return { reasons, by_provenance: stamped || follows, by_window: inside || follows };
  }

  #mayBeWritten(type: string): boolean {
    return this.window.mode === 'allow_ingest' && type === TELEMETRY_RECORDED;
  }

  #inherited({ causation_id, actor }: Provenance): readonly Reason[] {
    const reasons: Reason[] = [];
    if (this.#introduced.has(causation_id))
      reasons.push({ code: 'caused_by_introduced', detail: `It was caused by ${causation_id}.` });
    if (this.#actors.has(actor.id))
      reasons.push({
        code: 'by_introduced_actor',
        detail: `${actor.id} wrote it, which the deployment made.`,
      });
    return reasons;
  }

  /** Whether a client's command is at the root of a record's causes. */
  #isRooted({ metadata }: TracedRecord): boolean {
    const { origin, actor, causation_id, request_id } = metadata;
    if (CLIENT_ORIGINS.has(origin)) return CLIENT_KINDS.has(actor.kind) && causation_id === request_id;
    if (origin !== 'process_manager') return false;
    return this.#rooted.get(causation_id) ?? this.rooted_before.has(causation_id);
  }
}

/** Whether a record is, by itself, a client's command. */
export const isClientCommand = ({ origin, actor, causation_id, request_id }: Provenance): boolean =>
  CLIENT_ORIGINS.has(origin) && CLIENT_KINDS.has(actor.kind) && causation_id === request_id;

const noClient = ({ origin, actor, causation_id }: Provenance): Reason => ({
  code: 'no_client_command',
  detail: `${actor.kind} ${actor.id} wrote it as ${origin}, caused by ${causation_id}: no client asked for it.`,
});
