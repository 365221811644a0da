import { alertDecider, alertEventTypes, type Alert, type AlertEvent } from '../alerting/alert.js';
import { ruleDecider, ruleEventTypes, type Rule, type RuleEvent } from '../alerting/rule.js';
import type { Decider, DomainEvent } from '../decider.js';
import {
  deploymentDecider,
  deploymentEventTypes,
  type DeploymentEvent,
  type GuardState,
} from '../deployment/deployment.js';
import {
  legitimacyDecider,
  legitimacyEventTypes,
  type LegitimacyEvent,
  type LegitimacyRules,
} from '../detection/legitimacy/rules.js';
import { erasureDecider, erasureEventTypes, type ErasureEvent, type Erasures } from '../erasure/erasure.js';
import {
  quarantineDecider,
  quarantineEventTypes,
  type QuarantineEvent,
  type Quarantines,
} from '../quarantine/quarantine.js';
import { erasedPeople, erasedPeopleDecider, erasedPeopleEventTypes } from '../tenancy/erased-people.js';
import type { ErasedPeople, PersonErased } from '../tenancy/erased-people.js';
import type { AlertId, ApiKeyId, RuleId, TenantId, UserId } from '../ids.js';
import { sealEventTypes, sealsDecider, type CheckpointSealed, type Seals } from '../integrity/seals.js';
import type { Json } from '../json.js';
import {
  retirementDecider,
  retirementEventTypes,
  type RetirementEvent,
  type Retirements,
} from '../retention/retention.js';
import { readEvent, type StoredEvent } from '../stored-event.js';
import {
  alertStream,
  apiKeyStream,
  deploymentsStream,
  emailStream,
  legitimacyStream,
  erasuresStream,
  erasedPeopleStream,
  quarantineStream,
  retirementsStream,
  routesStream,
  ruleStream,
  sealsStream,
  sessionStream,
  tenantStream,
  userStream,
} from '../streams.js';
import { routeBookDecider, routeEventTypes, writeBook } from '../telemetry/routes/book.js';
import type { RouteBook, RouteEvent } from '../telemetry/routes/book.js';
import { apiKeyDecider, apiKeyEventTypes, type ApiKey, type ApiKeyEvent } from '../tenancy/api-key.js';
import { emailDecider, emailEventTypes, type EmailEvent, type Reservation } from '../tenancy/email.js';
import { sessionDecider, sessionEventTypes, type Session, type SessionEvent } from '../tenancy/session.js';
import { tenantDecider, tenantEventTypes, type Tenant, type TenantEvent } from '../tenancy/tenant.js';
import { userDecider, userEventTypes, type User, type UserEvent } from '../tenancy/user.js';
import { masked } from './masked.js';

/** A kind of stream whose records make a state, and how that state may be shown. */
export interface Aggregate {
  readonly kind: string;
  /** What the names of its streams begin with. */
  readonly prefix: string;
  readonly types: readonly string[];
  /** The state that some records of one stream make, in their order. */
  readonly stateOf: (records: readonly StoredEvent[]) => Json;
}

const aggregate = <S, E extends DomainEvent>(
  kind: string,
  prefix: string,
  { initial, evolve }: Decider<S, E>,
  types: readonly E['type'][],
  show: (state: S) => unknown = (state) => state,
): Aggregate => ({
  kind,
  prefix,
  types,
  stateOf: (records) => {
    let state = initial;
    for (const record of records) {
      const event = readEvent<E>(types, record);
      if (event) state = evolve(state, event);
    }
    // Through its text: what shows is what JSON has of it.
    return masked(JSON.parse(JSON.stringify(show(state))) as Json);
  },
});

/** What is left of a session for others to see: none of its tokens, in whatever form. */
const withoutTokens = (session: Session): object => {
  if (session.state !== 'open') return session;
  const { used, ...rest } = session;
  return { ...rest, refreshed: used.length };
};

/**
 * Every kind of stream that has a state: all but telemetry, which is data. Whoever adds a kind of stream adds it here;
 * a test holds the list against the names that streams have.
 */
export const aggregates: readonly Aggregate[] = [
  aggregate<Tenant, TenantEvent>('tenant', tenantStream('' as TenantId), tenantDecider, tenantEventTypes),
  aggregate<Quarantines, QuarantineEvent>(
    'quarantine',
    quarantineStream('' as TenantId),
    quarantineDecider,
    quarantineEventTypes,
    (quarantines) => ({ quarantines: [...quarantines.values()] }),
  ),
  aggregate<LegitimacyRules, LegitimacyEvent>(
    'legitimacy',
    legitimacyStream('' as TenantId),
    legitimacyDecider,
    legitimacyEventTypes,
    (rules) => ({ rules: [...rules.values()] }),
  ),
  aggregate<Retirements, RetirementEvent>(
    'retention',
    retirementsStream('' as TenantId),
    retirementDecider,
    retirementEventTypes,
  ),
  aggregate<Erasures, ErasureEvent>(
    'erasures',
    erasuresStream('' as TenantId),
    erasureDecider,
    erasureEventTypes,
    ({ erasures }) => ({ erasures: [...erasures.values()] }),
  ),
  aggregate<User, UserEvent>('user', userStream('' as UserId), userDecider, userEventTypes),
  aggregate<Reservation, EmailEvent>('email', emailStream(''), emailDecider, emailEventTypes),
  aggregate<ErasedPeople, PersonErased>(
    'erased_people',
    erasedPeopleStream,
    erasedPeopleDecider,
    erasedPeopleEventTypes,
    (erased) => ({ people: erasedPeople(erased) }),
  ),
  aggregate<ApiKey, ApiKeyEvent>('api_key', apiKeyStream('' as ApiKeyId), apiKeyDecider, apiKeyEventTypes),
  aggregate<Session, SessionEvent>(
    'session',
    sessionStream(''),
    sessionDecider,
    sessionEventTypes,
    withoutTokens,
  ),
  aggregate<Rule, RuleEvent>('rule', ruleStream('' as RuleId), ruleDecider, ruleEventTypes),
  aggregate<Alert, AlertEvent>('alert', alertStream('' as AlertId), alertDecider, alertEventTypes),
  aggregate<RouteBook, RouteEvent>(
    'routes',
    routesStream('' as TenantId),
    routeBookDecider,
    routeEventTypes,
    writeBook,
  ),
  aggregate<GuardState, DeploymentEvent>(
    'deployments',
    deploymentsStream,
    deploymentDecider,
    deploymentEventTypes,
  ),
  aggregate<Seals, CheckpointSealed>('seals', sealsStream, sealsDecider, sealEventTypes),
];

/** The kind of a stream; undefined where its records make no state. */
export const aggregateOf = (stream: string): Aggregate | undefined =>
  aggregates.find(({ prefix }) => stream.startsWith(prefix));
