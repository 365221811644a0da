import { describe, expect, it } from '@jest/globals';
import type { LegitimacyRule } from '../../../src/domain/detection/legitimacy/rules.js';
import type { DeploymentId, TenantId } from '../../../src/domain/ids.js';
import type { JsonObject } from '../../../src/domain/json.js';
import { legitimacyStream } from '../../../src/domain/streams.js';
import { introducedBy } from '../../../src/replay/detection/introduced.js';
import { judged, rulesBefore } from '../../../src/replay/detection/judged.js';
import { collected } from '../../support/collected.js';
import { MemoryEventLog } from '../../support/memory-event-log.js';

const acme = 'ten_a' as TenantId;
const other = 'ten_b' as TenantId;
const deployment_id = 'dep_0190b3c5d1f87c0e8a4f3b2a1c0d9e8f' as DeploymentId;

class World {
  readonly log = new MemoryEventLog(() => 5);
  #requests = 0;

  append(
    type: string,
    data: JsonObject | Buffer,
    { tenant = acme, stream = `thing-${type}`, ...metadata }: Written = {},
  ) {
    this.#requests += 1;
    const request_id = `request-${this.#requests}`;
    return this.log.append(tenant, stream, type, data as JsonObject, {
      request_id,
      causation_id: request_id,
      ...metadata,
    });
  }

  rule(name: string, verdict: LegitimacyRule['verdict'], more: Written = {}) {
    const condition = { field: '/name', op: 'like', value: 'Test *' };
    const data = { name, verdict, condition };
    return this.append('LegitimacyRuleDefined', data, { stream: legitimacyStream(acme), ...more });
  }

  remove(name: string) {
    return this.append('LegitimacyRuleRemoved', { name }, { stream: legitimacyStream(acme) });
  }

  begin() {
    return this.log.append(acme, 'deployments', 'DeploymentBegun', {
      deployment_id,
      release: '2',
      mode: 'strict',
    });
  }

  end() {
    return this.log.append(acme, 'deployments', 'DeploymentCompleted', { deployment_id });
  }

  startup(name: string, more: Written = {}) {
    return this.append('AlertRuleDefined', { name }, { ...bySeed, ...more });
  }

  async report(tenant: TenantId | undefined = acme) {
    const introduced = await introducedBy(this.log, deployment_id);
    if (!introduced) throw new Error('there is no such deployment');
    return collected(judged(this.log, this.log, introduced, (one) => one === tenant));
  }
}

interface Written {
  readonly tenant?: TenantId;
  readonly stream?: string;
  readonly [more: string]: unknown;
}
const chunkOf = (lines: readonly string[]): Buffer => Buffer.from(lines.join('\n'));
const bySeed = { origin: 'deployment', actor: { kind: 'process', id: 'seed' }, causation_id: 'start-up' };

describe('a report judged by a tenant’s rules', () => {
  it('keeps what structure proves: what is declared legitimate is a finding with a reason more and a lower score', async () => {
    const world = new World();
    world.rule('tests', 'legitimate');
    world.begin();
    const named = world.startup('Test 1');
    const unnamed = world.startup('Another');
    world.end();
    expect(await world.report()).toMatchObject([
      {
        ...{ position: named.position, verdict: 'legitimate', score: 0.25 },
        reasons: [
          { code: 'written_under_guard' },
          { code: 'no_client_command' },
          { code: 'declared_legitimate', detail: expect.stringContaining('tests') },
        ],
      },
      { position: unnamed.position, score: 1 },
    ]);
    expect((await world.report())[1]?.verdict).toBeUndefined();
  });

  it('has no rule that came with the deployment: not from within it, nor from behind it', async () => {
    const world = new World();
    world.begin();
    world.rule('inside', 'legitimate', bySeed);
    world.startup('Test 1');
    world.end();
    world.rule('behind', 'legitimate');
    const verdicts = (await world.report()).map(({ type, verdict }) => [type, verdict]);
    expect(verdicts).toEqual([
      ['LegitimacyRuleDefined', undefined],
      ['AlertRuleDefined', undefined],
    ]);
  });

  it('has no rule that came in when the deployment had begun, though other instances had not heard of it', async () => {
    const world = new World();
    world.begin();
    const { position } = world.rule('meanwhile', 'legitimate');
    world.log.append(acme, 'deployments', 'DeploymentMeasured', { deployment_id, before: { position } });
    const planted = world.startup('Test 1');
    world.end();
    const [found, ...others] = await world.report();
    expect([found?.position, found?.verdict, others]).toEqual([planted.position, undefined, []]);
  });

  it('has a rule from before, also where it was removed during the deployment or after it', async () => {
    const world = new World();
    world.rule('tests', 'illegitimate');
    world.rule('gone', 'legitimate');
    world.remove('gone');
    world.begin();
    world.append('LegitimacyRuleRemoved', { name: 'tests' }, { stream: legitimacyStream(acme), ...bySeed });
    const planted = world.startup('Test 1');
    world.end();
    world.remove('tests');
    const [, found] = await world.report();
    expect(found).toMatchObject({ position: planted.position, verdict: 'illegitimate', score: 1 });
    expect(found?.reasons.at(-1)).toMatchObject({ code: 'declared_illegitimate' });
  });

  it('has no rule that no client set, and none of another tenant’s', async () => {
    const world = new World();
    world.rule('seeded', 'legitimate', bySeed);
    world.rule('smuggled', 'legitimate', { tenant: other });
    world.rule('others', 'legitimate', { tenant: other, stream: legitimacyStream(other) });
    const { position } = world.begin();
    world.startup('Test 1');
    world.end();
    expect(await rulesBefore(world.log, acme, position)).toEqual(new Map());
    expect((await world.report()).map(({ verdict }) => verdict)).toEqual([undefined]);
    expect([...(await rulesBefore(world.log, other, position)).keys()]).toEqual(['others']);
  });

  it('names what the rules declare illegitimate of what came in meanwhile, and nothing from before or after', async () => {
    const world = new World();
    world.rule('tests', 'illegitimate');
    world.append('ThingNamed', { name: 'Test before' });
    // The guard is told to let it in, so that structure finds nothing.
    const begun = { deployment_id, release: '2', mode: 'allow_ingest' };
    world.log.append(acme, 'deployments', 'DeploymentBegun', begun);
    const lines = ['{"name":"Test 1"}', '{"name":"Another"}', '{"name":"Test 2"}', '{"name":"Test 3"}'];
    const chunk = { count: 4, received_at: 0 };
    const sent = world.append('TelemetryRecorded', chunkOf(lines), { chunk });
    world.append('TelemetryRecorded', chunkOf(['no JSON']), { chunk: { count: 1, received_at: 0 } });
    world.append('TelemetryRecorded', chunkOf(lines), { chunk, tenant: other });
    world.end();
    world.append('ThingNamed', { name: 'Test after' });
    expect(await world.report()).toMatchObject([
      {
        ...{ position: sent.position, verdict: 'illegitimate', count: 3, score: 1 },
        indexes: [
          [0, 0],
          [2, 3],
        ],
        reasons: [{ code: 'declared_illegitimate' }],
      },
    ]);
    expect(await world.report(other)).toEqual([]);
  });
});
