import type { EventId, TenantId } from '../../domain/ids.js';
import { readEvent } from '../../domain/stored-event.js';
import { decodePaths } from '../../domain/telemetry/chunk.js';
import { TELEMETRY_RECORDED, UnreadableChunk } from '../../domain/telemetry/stored-chunk.js';
import type { TextColumn } from '../../domain/telemetry/columns.js';
import { ROUTE_RULES_VERSION } from '../../domain/telemetry/route.js';
import {
  readBook,
  RouteBook,
  routeBookDecider,
  routeEventTypes,
  writeBook,
  type RouteEvent,
  type WrittenBook,
} from '../../domain/telemetry/routes/book.js';
import { RouteLearner, type Lessons } from '../../domain/telemetry/routes/learning.js';
import {
  copyTree,
  holdsTemplate,
  readTree,
  writeTree,
  type WrittenNode,
} from '../../domain/telemetry/routes/path-tree.js';
import type { TenantEvent } from '../../domain/tenancy/tenant.js';
import { START, type Position, type RecordedEvent } from '../../eventstore/event-store.js';
import type { Amendment, Process, ProcessDetails, ReactionOutcome, Run } from '../process.js';

/** What was learned of a tenant's paths, and the chunk that brought it about. */
export interface RouteLessons {
  readonly tenant_id: TenantId;
  readonly lessons: Lessons;
  readonly cause: { readonly event_id: EventId; readonly correlation_id: string };
}

/** Raised when states of before cannot be gone on with: learning then starts from the log's beginning. */
const LEARNING_VERSION = 1;

interface SavedTenant {
  readonly tenant_id: TenantId;
  readonly book: WrittenBook;
  /** Absent: frozen. */
  readonly tree?: WrittenNode;
  /** How many routes it may have, where that was set for it. */
  readonly limit?: number;
  /** Absent in states of before it was kept. */
  readonly since?: Position;
}

interface SavedLearning {
  readonly version: readonly [learning: number, rules: number, limit: number];
  readonly tenants: readonly SavedTenant[];
}

/** Learns the templates of all tenants' routes from the paths in the log; `record` puts what is learned into it. */
export const routeLearning = (
  limit: number,
  record: (lessons: RouteLessons) => Promise<ReactionOutcome>,
): Process<RouteLessons> => ({
  name: 'route-learning',
  reads: [TELEMETRY_RECORDED, ...routeEventTypes, ...limitEventTypes],
  begin: () => Promise.resolve(new LearningRun(limit)),
  resume: (state) => LearningRun.resume(JSON.parse(Buffer.from(state).toString()) as SavedLearning, limit),
  // Each lesson of a tenant's holds after those before it.
  steps: (reactions) => reactions.map((reaction) => [reaction]),
  react: record,
});

type LimitEvent = Extract<TenantEvent, { type: 'TenantLimitsSet' }>;
const limitEventTypes = ['TenantLimitsSet'] as const;

interface Pupil {
  /** As the log says; the learner is ahead of it by what is not yet recorded. */
  book: RouteBook;
  /** Undefined: the routes are frozen. */
  learner: RouteLearner | undefined;
  /** How many routes there may be, where that was set for the tenant. */
  limit: number | undefined;
  /** The record behind which the learner's counts begin; undefined where that is not known. */
  since: Position | undefined;
}

/** Learning as the runner drives it. */
class LearningRun implements Run<RouteLessons> {
  readonly #pupils = new Map<TenantId, Pupil>();
  #unreadable = 0;

  constructor(private readonly limit: number) {}

  static resume({ version, tenants }: SavedLearning, limit: number): LearningRun | undefined {
    const run = new LearningRun(limit);
    if (version.join() !== run.#version.join()) return undefined;
    for (const { tenant_id, book, tree, limit: own, since } of tenants)
      run.#pupils.set(tenant_id, {
        book: readBook(book),
        learner: tree && new RouteLearner(own ?? limit, readTree(tree)),
        limit: own,
        since,
      });
    return run;
  }

  take(event: RecordedEvent): readonly RouteLessons[] {
    const { tenant_id } = event.metadata;
    if (tenant_id === undefined) return [];
    const pupil = this.#pupil(tenant_id);
    if (event.type === TELEMETRY_RECORDED) return this.#learn(tenant_id, pupil, event);
    const route = readEvent<RouteEvent>(routeEventTypes, event);
    if (route) this.#note(pupil, route, event.position);
    const limited = readEvent<LimitEvent>(limitEventTypes, event);
    if (limited) this.#limit(pupil, limited);
    return [];
  }

  async amend({ event, changed }: Amendment): Promise<readonly RouteLessons[] | undefined> {
    const { tenant_id } = event.metadata;
    const pupil = tenant_id && this.#pupil(tenant_id);
    if (!pupil || pupil.since === undefined) return undefined;
    const lessons: RouteLessons[] = [];
    for await (const { record, leaves, returns } of changed) {
      if (record.type !== TELEMETRY_RECORDED) return undefined;
      if (record.position < pupil.since) continue;
      if (leaves && !this.#unlearn(pupil, leaves)) return undefined;
      if (returns) lessons.push(...this.#learn(tenant_id, pupil, returns));
    }
    return lessons;
  }

  passed(): readonly RouteLessons[] {
    return [];
  }

  due(): undefined {
    return undefined;
  }

  save(): Uint8Array {
    const saved: SavedLearning = {
      version: this.#version,
      tenants: [...this.#pupils].map(([tenant_id, { book, learner, limit, since }]) => ({
        tenant_id,
        book: writeBook(book),
        ...(learner && { tree: writeTree(learner.root) }),
        ...(limit !== undefined && { limit }),
        ...(since !== undefined && { since }),
      })),
    };
    return Buffer.from(JSON.stringify(saved));
  }

  describe(): ProcessDetails {
    const learners = [...this.#pupils.values()].map(({ learner }) => learner);
    return {
      tenants: learners.length,
      frozen: learners.filter((learner) => learner === undefined).length,
      routes: learners.reduce((sum, learner) => sum + (learner?.routes ?? 0), 0),
      unreadable_chunks: this.#unreadable,
    };
  }

  get #version(): SavedLearning['version'] {
    return [LEARNING_VERSION, ROUTE_RULES_VERSION, this.limit];
  }

  #pupil(tenant_id: TenantId): Pupil {
    const known = this.#pupils.get(tenant_id);
    if (known) return known;
    const made: Pupil = {
      book: RouteBook.EMPTY,
      learner: new RouteLearner(this.limit),
      limit: undefined,
      since: START,
    };
    this.#pupils.set(tenant_id, made);
    return made;
  }

  #learn(tenant_id: TenantId, pupil: Pupil, event: RecordedEvent): readonly RouteLessons[] {
    const paths = pupil.learner && this.#paths(event);
    if (!pupil.learner || !paths) return [];
    const { book } = pupil;
    const lessons = pupil.learner.take(paths, (path) => book.unmatched(path));
    if (lessons.frozen) pupil.learner = undefined;
    if (lessons.templates.length === 0 && !lessons.frozen) return [];
    const { correlation_id } = event.metadata;
    return [{ tenant_id, lessons, cause: { event_id: event.id, correlation_id } }];
  }

  /** Takes back what was counted of a chunk; false where that cannot be done. */
  #unlearn({ book, learner }: Pupil, event: RecordedEvent): boolean {
    const paths = learner && this.#paths(event);
    return !learner || !paths || learner.leave(paths, (path) => book.unmatched(path));
  }

  /** Of a chunk that cannot be read nothing is learned, now and in every replay. */
  #paths(event: RecordedEvent): TextColumn | undefined {
    try {
      return decodePaths(event);
    } catch (error) {
      if (!(error instanceof UnreadableChunk || error instanceof SyntaxError)) throw error;
      this.#unreadable += 1;
      return undefined;
    }
  }

  /** What is known goes on under the new limit; where there are too many, templates are learned with the next one. */
  #limit(pupil: Pupil, { data: { limits } }: LimitEvent): void {
    pupil.limit = limits.routes;
    if (pupil.learner) pupil.learner = new RouteLearner(limits.routes ?? this.limit, pupil.learner.root);
  }

  #note(pupil: Pupil, event: RouteEvent, position: Position): void {
    pupil.book = routeBookDecider.evolve(pupil.book, event);
    switch (event.type) {
      case 'RouteTemplateLearned':
        // Its own lesson come back, as a rule.
        if (pupil.learner && !holdsTemplate(pupil.learner.root, event.data)) pupil.learner.close(event.data);
        break;
      case 'RoutesFrozen':
        pupil.learner = undefined;
        break;
      case 'LearnedRoutesForgotten':
        pupil.learner = new RouteLearner(pupil.limit ?? this.limit);
        pupil.since = position;
        break;
      case 'RoutePatternsDefined':
        // Routes that patterns match now are no longer to be counted: counting begins anew.
        if (pupil.learner)
          pupil.learner = new RouteLearner(pupil.limit ?? this.limit, copyTree(pupil.book.contents.tree));
        pupil.since = position;
    }
  }
}
