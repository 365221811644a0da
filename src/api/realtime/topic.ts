import type { Static, TObject } from 'typebox';
import type { TenantId } from '../../domain/ids.js';
import type { Permission } from '../../domain/tenancy/access.js';
import type { Position } from '../../eventstore/event-store.js';
import { compile, type Validator } from '../../platform/validation.js';
import type { AnyProjection } from '../../projections/projection.js';
import type { ReadModels } from '../../projections/read-models.js';

/** What a topic says of the read models, and the position that this reflects. */
export interface TopicState {
  readonly position: Position;
  readonly data: unknown;
}

/** What a topic asks of a read model. */
export interface TopicQuery<Params> {
  readonly models: ReadModels;
  readonly tenant: TenantId;
  readonly params: Params;
  /** Epoch milliseconds. */
  readonly now: number;
}

interface TopicSpec<P extends TObject> {
  readonly name: string;
  readonly params: P;
  /** Why parameters that fit the schema are none all the same. */
  readonly refuses?: (params: Static<P>) => string | undefined;
  readonly needs: Permission;
  readonly reads: readonly AnyProjection[];
  /** The least time between two updates of a room. */
  readonly every_ms: number;
  /** Where the answer changes with the time alone: how often to look. */
  readonly refresh_ms?: number;
  readonly state: (query: TopicQuery<Static<P>>) => Promise<TopicState>;
  /** For a topic of events: those after a position; undefined where the read model does not reach back that far. */
  readonly since?: (query: TopicQuery<Static<P>>, after: Position) => Promise<TopicState | undefined>;
}

/** Something to subscribe to. */
export interface Topic {
  readonly name: string;
  readonly needs: Permission;
  readonly reads: readonly AnyProjection[];
  readonly every_ms: number;
  readonly refresh_ms?: number;
  readonly check: Validator<unknown>;
  readonly state: (query: TopicQuery<unknown>) => Promise<TopicState>;
  readonly since?: (query: TopicQuery<unknown>, after: Position) => Promise<TopicState | undefined>;
}

/** Says a topic; its schema types its queries. */
export const defineTopic = <P extends TObject>({ params, refuses, ...topic }: TopicSpec<P>): Topic => {
  const fits = compile(params);
  const check: Validator<Static<P>> = (value) => {
    const checked = fits(value);
    const detail = checked.ok ? refuses?.(checked.value) : undefined;
    return detail === undefined ? checked : { ok: false, errors: [{ pointer: '', code: 'invalid', detail }] };
  };
  // Queries get only what the check let through, so the parameters have the types that the schema says.
  return { ...topic, check } as unknown as Topic;
};
