import { describe, expect, it } from '@jest/globals';
import type { CommandContext } from '../../../src/commands/command.js';
import { routeBookDecider, takeLessons, type RouteEvent } from '../../../src/domain/telemetry/routes/book.js';
import type { TenantEvent } from '../../../src/domain/tenancy/tenant.js';
import type { RecordedEvent } from '../../../src/eventstore/event-store.js';
import type { Run } from '../../../src/processes/process.js';
import { recordLessons } from '../../../src/processes/route-learning/record-lessons.js';
import { routeLearning, type RouteLessons } from '../../../src/processes/route-learning/route-learning.js';
import { chunkOf, tenant } from '../../support/telemetry.js';

const LIMIT = 10;
const process = routeLearning(LIMIT, () => Promise.resolve({ outcome: 'done' }));
const begun = async (): Promise<Run<RouteLessons>> => process.begin({} as never);
const resumed = (state: Uint8Array | undefined): Run<RouteLessons> | undefined =>
  state && process.resume(state);

const letter = (index: number): string => 'abcdefghijklmnopqrstuvwxyz'[index % 26] ?? '';
const posts = (from: number, count: number): RecordedEvent =>
  chunkOf(
    Array.from({ length: count }, (_, i) => ({ type: 'api_call', path: `/blog/${letter(from + i)}-post` })),
  );
const recorded = (event: RouteEvent | TenantEvent): RecordedEvent => ({
  ...chunkOf([]),
  type: event.type,
  data: JSON.parse(JSON.stringify(event.data)) as never,
});
const templates = (lessons: readonly RouteLessons[]) => lessons.flatMap((one) => one.lessons.templates);
const blog = { parent: ['blog'], kind: '', kept: [], because: 'limit' };

describe('the learning of routes', () => {
  it('learns of chunks, and names the chunk that brought it about', async () => {
    const run = await begun();
    expect(run.take(posts(0, LIMIT))).toEqual([]);
    const chunk = posts(LIMIT, 1);
    expect(run.take(chunk)).toEqual([
      {
        tenant_id: tenant,
        lessons: { templates: [blog] },
        cause: { event_id: chunk.id, correlation_id: 'req' },
      },
    ]);
    expect(run.describe()).toMatchObject({ tenants: 1, routes: 1, frozen: 0 });
  });

  it('learns the same in one go and after a restart', async () => {
    const run = await begun();
    run.take(posts(0, LIMIT));
    expect(templates(resumed(run.save())?.take(posts(LIMIT, 1)) ?? [])).toEqual([blog]);
  });

  it('begins anew where its state was made under another limit', async () => {
    const run = await begun();
    const other = routeLearning(LIMIT + 1, () => Promise.resolve({ outcome: 'done' }));
    expect(other.resume(run.save() ?? new Uint8Array())).toBeUndefined();
  });

  it('follows the limit that was set for a tenant, also after a restart, and goes back to that of all', async () => {
    const limited = (routes?: number) =>
      recorded({ type: 'TenantLimitsSet', data: { limits: routes === undefined ? {} : { routes } } });
    const run = await begun();
    run.take(posts(0, 5));
    run.take(limited(15));
    expect(run.take(posts(5, 10))).toEqual([]);
    const again = resumed(run.save());
    expect(again?.take(posts(10, 5))).toEqual([]);
    expect(templates(again?.take(posts(15, 1)) ?? [])).toEqual([blog]);
    run.take(limited());
    expect(templates(run.take(posts(15, 1)))).toEqual([blog]);
  });

  it('learns nothing of routes that were given, of what patterns match, nor of chunks that cannot be read', async () => {
    const run = await begun();
    const given = Array.from({ length: 20 }, (_, i) => ({
      type: 'a',
      route: `/r/${letter(i)}`,
      path: `/p/${letter(i)}`,
    }));
    expect(run.take(chunkOf(given))).toEqual([]);
    expect(
      run.take(recorded({ type: 'RoutePatternsDefined', data: { patterns: ['/blog/{post}'] } })),
    ).toEqual([]);
    expect(run.take(posts(0, 20))).toEqual([]);
    expect(run.take({ ...posts(0, 20), data: Buffer.from('{') })).toEqual([]);
    expect(run.describe()).toMatchObject({ routes: 0, unreadable_chunks: 1 });
  });

  it('knows its own lessons when they come back, and those of another', async () => {
    const run = await begun();
    const lessons = run.take(posts(0, LIMIT + 1));
    for (const data of templates(lessons)) run.take(recorded({ type: 'RouteTemplateLearned', data }));
    expect(run.take(posts(3, 20))).toEqual([]);
    run.take(
      recorded({
        type: 'RouteTemplateLearned',
        data: { parent: ['shop'], kind: '', kept: [], because: 'siblings' },
      }),
    );
    const shop = Array.from({ length: 20 }, (_, i) => ({ type: 'api_call', path: `/shop/${letter(i)}` }));
    expect(run.take(chunkOf(shop))).toEqual([]);
  });

  it('is silent once routes are frozen, until they are forgotten', async () => {
    const run = await begun();
    run.take(recorded({ type: 'RoutesFrozen', data: { known: ['/'] } }));
    expect(run.take(posts(0, 20))).toEqual([]);
    expect(resumed(run.save())?.take(posts(0, 20))).toEqual([]);
    expect(run.describe()).toMatchObject({ frozen: 1 });
    run.take(recorded({ type: 'LearnedRoutesForgotten', data: {} }));
    expect(templates(run.take(posts(0, 20)))).toEqual([blog]);
  });
});

describe('recording what was learned', () => {
  const lessons: RouteLessons = {
    tenant_id: tenant,
    lessons: { templates: [{ parent: ['blog'], kind: '', kept: [], because: 'limit' }] },
    cause: { event_id: chunkOf([]).id, correlation_id: 'corr' },
  };

  it('is the learner’s, for the tenant, caused by the chunk', async () => {
    const contexts: CommandContext[] = [];
    const pipeline = {
      execute: (_command: unknown, input: unknown, context: CommandContext) => {
        expect(input).toEqual(lessons.lessons);
        contexts.push(context);
        return Promise.resolve({ ok: false, refusal: { kind: 'guarded', code: 'x', detail: 'later' } });
      },
    };
    const outcome = await recordLessons(pipeline as never)(lessons);
    expect(outcome).toEqual({ outcome: 'guarded', detail: 'later' });
    expect(contexts).toMatchObject([
      {
        principal: { actor: { kind: 'process', id: 'route-learner' }, tenant_id: tenant },
        origin: 'process_manager',
        correlation_id: 'corr',
        causation_id: lessons.cause.event_id,
      },
    ]);
  });

  it('of what is recorded already is nothing', () => {
    const decision = takeLessons(routeBookDecider.initial, lessons.lessons);
    const events = decision.accepted ? decision.events : [];
    expect(
      takeLessons(events.reduce(routeBookDecider.evolve, routeBookDecider.initial), lessons.lessons),
    ).toEqual({
      accepted: true,
      events: [],
    });
  });
});
