import { createHash, createHmac } from 'node:crypto';
import { Authenticator } from '../../src/commands/access/authenticator.js';
import type { AccessServices } from '../../src/commands/access/services.js';
import { TenantSettings } from '../../src/commands/access/tenant-settings.js';
import { AccessTokens } from '../../src/commands/access/tokens.js';
import { Claims } from '../../src/commands/claims.js';
import { DeploymentGuard } from '../../src/commands/guard.js';
import { GuardReader } from '../../src/commands/guard-following.js';
import { CommandPipeline, type CommandContext, type CommandResult } from '../../src/commands/handle.js';
import { registerTenant } from '../../src/commands/register-tenant.js';
import { RecordWriter } from '../../src/commands/writer.js';
import { anonymousPrincipal, type Principal } from '../../src/domain/tenancy/access.js';
import { CurrentQuarantines } from '../../src/quarantine/current.js';
import type { EventLogWriter } from '../../src/eventstore/event-log-writer.js';
import type { EventLog } from '../../src/eventstore/event-store.js';
import type { PasswordHasher } from '../../src/platform/password.js';
import type { Random } from '../../src/platform/random.js';
import type { ReadStore } from '../../src/readstore/read-store.js';
import { Eraser } from '../../src/people/eraser.js';
import { OpenedLog } from '../../src/people/opened-log.js';
import { RefusedActs } from '../../src/commands/refused-acts.js';
import type { PersonKeys } from '../../src/personkeys/person-keys.js';
import { keysBeside, testPeople } from './people.js';
import { serverLimits } from './limits.js';
import { MemoryReadStore } from './memory-read-store.js';
import { TestClock, TestLog } from './telemetry.js';

/** Bytes that differ at every call and are the same in every run. */
const countingRandom = (): Random => {
  let calls = 0;
  return {
    bytes: (length) => {
      calls += 1;
      return createHash('shake256', { outputLength: length }).update(String(calls)).digest();
    },
  };
};

/** Hashes nothing, and can be told that too many wait. */
export class PlainPasswords implements PasswordHasher {
  busy = false;
  readonly checked: (string | undefined)[] = [];
  hash = (password: string) => Promise.resolve(this.busy ? undefined : `hash of ${password}`);
  check = (password: string, hash: string | undefined) => {
    this.checked.push(hash);
    return Promise.resolve(this.busy ? undefined : hash === `hash of ${password}`);
  };
  close = () => Promise.resolve();
}

const KEY = Buffer.alloc(32, 7);

/** The command pipeline as the composition builds it, on stores in memory. A second one on the same stores is a restart. */
export const commandBench = <
  L extends EventLog & EventLogWriter = TestLog,
  S extends ReadStore = MemoryReadStore,
>({
  log = new TestLog() as unknown as L,
  clock = new TestClock(),
  store = new MemoryReadStore() as unknown as S,
  random = countingRandom(),
  instance_id = 'test',
  several = false,
  personKeys = keysBeside(log),
}: {
  log?: L;
  clock?: TestClock;
  store?: S;
  random?: Random;
  instance_id?: string;
  /** Whether others write to the same log. */
  several?: boolean;
  personKeys?: PersonKeys;
} = {}) => {
  const guard = new DeploymentGuard(false);
  const people = testPeople(personKeys, clock);
  const openedLog = new OpenedLog(log, people);
  const others = several ? new GuardReader(log, guard) : undefined;
  const writer = new RecordWriter(log, guard, clock, { instance_id, release: '1' }, people, others);
  const passwords = new PlainPasswords();
  const tokens = new AccessTokens(KEY, clock);
  const authenticator = new Authenticator(openedLog, tokens, 'the operator token', clock, guard);
  const settings = new TenantSettings(log, clock, serverLimits);
  const quarantines = new CurrentQuarantines(log, clock);
  const refusedActs = new RefusedActs(store, clock, instance_id);
  const eraser = new Eraser(log, {
    people,
    purge: ({ tenant_id, person_id }) => refusedActs.forget(tenant_id, person_id),
    credentialChanged: (person) => authenticator.forget(person),
  });
  const services: AccessServices = {
    passwords,
    tokens,
    random,
    clock,
    answers_key: KEY,
    pseudonym: (kind, value) => createHmac('sha256', KEY).update(`${kind}:${value}`).digest('hex'),
    credentialChanged: (actor_id) => authenticator.forget(actor_id),
    settingsChanged: (tenant) => settings.forget(tenant),
    quarantines,
    eraser,
  };
  const claims = new Claims(store.register, clock, random, KEY, instance_id);
  const pipeline = new CommandPipeline(openedLog, writer, guard, claims, services);
  return {
    log,
    clock,
    store,
    random,
    guard,
    writer,
    passwords,
    tokens,
    authenticator,
    settings,
    claims,
    pipeline,
    quarantines,
    services,
    people,
    personKeys,
    openedLog,
    eraser,
    refusedActs,
  };
};
export type CommandBench = ReturnType<typeof commandBench<TestLog, MemoryReadStore>>;

let requests = 0;

/** A request of somebody, over the API. */
export const requestOf = (principal: Principal, more: Partial<CommandContext> = {}): CommandContext => {
  requests += 1;
  const request_id = `req-${requests}`;
  return { principal, origin: 'api', request_id, correlation_id: request_id, ...more };
};

/** What a command answered that must have been carried out. */
export const valueOf = <R>(result: CommandResult<R>): R => {
  if (!result.ok) throw new Error(`refused: ${JSON.stringify(result.refusal)}`);
  return result.value;
};

/** Why a command was refused that must have been. */
export const refusalOf = (result: CommandResult<unknown>) => {
  if (result.ok) throw new Error('not refused');
  return result.refusal;
};

/** Registers a tenant and says who its owner and its first key are. */
export const registered = async (
  { pipeline, authenticator }: Pick<CommandBench, 'pipeline' | 'authenticator'>,
  name = 'acme',
) => {
  const input = { tenant_name: name, email: `ada@${name}.example`, password: 'correct horse' };
  const value = valueOf(await pipeline.execute(registerTenant, input, requestOf(anonymousPrincipal)));
  const principal = await authenticator.authenticate({ api_key: value.api_key.key });
  if (!principal) throw new Error('the first key is not good');
  return { ...value, ...input, principal };
};
