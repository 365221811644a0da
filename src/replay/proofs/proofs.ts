import { readCheckpoint, type Checkpoint } from '../../domain/integrity/checkpoint.js';
import {
  proveConsistency,
  proveInclusion,
  rootAt,
  verifyInclusion,
  type Hash,
  type TreeHead,
} from '../../domain/integrity/merkle.js';
import {
  checkSignature,
  readNote,
  writeVerifierKey,
  type NoteKey,
} from '../../domain/integrity/signed-note.js';
import type { TenantId } from '../../domain/ids.js';
import { START, type EventLog, type Position } from '../../eventstore/event-store.js';
import type { LogTree } from '../../eventstore/log-tree.js';
import { sha256 } from '../../eventstore/tree-file.js';
import { verifyEd25519 } from '../../platform/signing.js';
import type { SignedCheckpoint } from '../../processes/checkpoints/witness.js';

/** Proves that a record is a leaf of the tree that a checkpoint was signed over. */
export interface InclusionProof {
  readonly position: Position;
  readonly index: number;
  readonly leaf: Hash;
  readonly proof: readonly Hash[];
  readonly checkpoint: SignedCheckpoint;
  /** What the leaf's hash was made of, where that was asked for and is still there. */
  readonly record?: Buffer;
}

/** Proves that the later tree begins with all of the earlier one. */
export interface ConsistencyProof {
  readonly from: TreeHead;
  readonly to: TreeHead;
  readonly proof: readonly Hash[];
}

/** What became of a checkpoint that was held against the log. */
export interface CheckpointVerdict {
  readonly holds: boolean;
  /** Why it does not hold. */
  readonly reason?: 'no_checkpoint' | 'another_log' | 'not_signed' | 'beyond_the_end' | 'other_records';
  readonly checkpoint?: Checkpoint;
  readonly log: TreeHead;
}

interface ProofSources {
  readonly log: EventLog;
  readonly tree: LogTree;
  /** What the log signs with. */
  readonly key: NoteKey;
  /** The newest checkpoint. */
  readonly latest: () => SignedCheckpoint | undefined;
}

/** Proofs about the log, out of its tree. They hold nothing but hashes of what others wrote. */
export class Proofs {
  constructor(private readonly sources: ProofSources) {}

  get verifier_key(): string {
    return writeVerifierKey(this.sources.key);
  }

  /** The newest checkpoint; undefined before the first. */
  checkpoint(): SignedCheckpoint | undefined {
    return this.sources.latest();
  }

  /**
   * Proves a tenant's record under the newest checkpoint. Undefined where the tenant has none at that position;
   * `not_sealed` where no checkpoint covers it yet.
   */
  async inclusion(
    tenant: TenantId,
    position: Position,
    withRecord: boolean,
  ): Promise<InclusionProof | 'not_sealed' | undefined> {
    const { tree } = this.sources;
    const index = await tree.indexOf(position);
    if (index === undefined || !(await this.#isOf(tenant, position, index))) return undefined;
    const checkpoint = this.checkpoint();
    if (!checkpoint || index >= checkpoint.size) return 'not_sealed';
    const [leaf] = await tree.nodes([{ level: 0, index }]);
    const proof = await proveInclusion(sha256, tree.nodes, index, checkpoint.size);
    const root = await rootAt(sha256, tree.nodes, checkpoint.size);
    if (!leaf || !verifyInclusion(sha256, { index, size: checkpoint.size, leaf, root }, proof))
      throw new Error(`the tree does not prove its own leaf ${index}`);
    const record = withRecord ? await tree.dataOf(index) : undefined;
    return { position, index, leaf, proof, checkpoint, ...(record && { record }) };
  }

  /** Proves that the first `to` records begin with the first `from`; undefined where there are not so many. */
  async consistency(from: number, to?: number): Promise<ConsistencyProof | undefined> {
    const { tree } = this.sources;
    const head = await tree.head();
    const size = to ?? this.checkpoint()?.size ?? head.size;
    if (from > size || size > head.size) return undefined;
    return {
      from: { size: from, root: await rootAt(sha256, tree.nodes, from) },
      to: { size, root: await rootAt(sha256, tree.nodes, size) },
      proof: await proveConsistency(sha256, tree.nodes, from, size),
    };
  }

  /** Holds a checkpoint that somebody kept against the log as it is now. */
  async verify(note: string): Promise<CheckpointVerdict> {
    const { tree, key } = this.sources;
    const log = await tree.head();
    const signed = readNote(note);
    const checkpoint = signed && readCheckpoint(signed.text);
    if (!checkpoint) return { holds: false, reason: 'no_checkpoint', log };
    const not = (reason: NonNullable<CheckpointVerdict['reason']>): CheckpointVerdict => ({
      holds: false,
      reason,
      checkpoint,
      log,
    });
    if (checkpoint.origin !== key.name) return not('another_log');
    if (checkSignature(verifyEd25519, signed, key).found !== 'valid') return not('not_signed');
    if (checkpoint.size > log.size) return not('beyond_the_end');
    const root = Buffer.from(await rootAt(sha256, tree.nodes, checkpoint.size));
    return root.equals(checkpoint.root) ? { holds: true, checkpoint, log } : not('other_records');
  }

  /** Whether the record at a position is that tenant's. */
  async #isOf(tenant: TenantId, position: Position, index: number): Promise<boolean> {
    const { tree, log } = this.sources;
    const before = index === 0 ? START : await tree.positionOf(index - 1);
    if (before === undefined) return false;
    for await (const { events } of log.readAll(before)) {
      const [event] = events;
      return event?.position === position && event.metadata.tenant_id === tenant;
    }
    return false;
  }
}
