import { alertDecider, alertEventTypes, type Alert, type AlertEvent } from '../domain/alerting/alert.js';
import { ruleDecider, ruleEventTypes, type Rule, type RuleEvent } from '../domain/alerting/rule.js';
import {
  deploymentDecider,
  deploymentEventTypes,
  type DeploymentEvent,
  type DeploymentState,
} from '../domain/deployment/deployment.js';
import {
  erasureDecider,
  erasureEventTypes,
  type ErasureEvent,
  type Erasures,
} from '../domain/erasure/erasure.js';
import {
  sealEventTypes,
  sealsDecider,
  type CheckpointSealed,
  type Seals,
} from '../domain/integrity/seals.js';
import { apiKeyDecider, apiKeyEventTypes, type ApiKey, type ApiKeyEvent } from '../domain/tenancy/api-key.js';
import {
  retirementDecider,
  retirementEventTypes,
  type RetirementEvent,
  type Retirements,
} from '../domain/retention/retention.js';
import { emailDecider, emailEventTypes, type EmailEvent, type Reservation } from '../domain/tenancy/email.js';
import {
  erasedPeopleDecider,
  erasedPeopleEventTypes,
  type ErasedPeople,
  type PersonErased,
} from '../domain/tenancy/erased-people.js';
import {
  sessionDecider,
  sessionEventTypes,
  type Session,
  type SessionEvent,
} from '../domain/tenancy/session.js';
import { tenantDecider, tenantEventTypes, type Tenant, type TenantEvent } from '../domain/tenancy/tenant.js';
import { userDecider, userEventTypes, type User, type UserEvent } from '../domain/tenancy/user.js';
import {
  routeBookDecider,
  routeEventTypes,
  type RouteBook,
  type RouteEvent,
} from '../domain/telemetry/routes/book.js';
import {
  quarantineDecider,
  quarantineEventTypes,
  type QuarantineEvent,
  type Quarantines,
} from '../domain/quarantine/quarantine.js';
import {
  legitimacyDecider,
  legitimacyEventTypes,
  type LegitimacyEvent,
  type LegitimacyRules,
} from '../domain/detection/legitimacy/rules.js';
import type { Subject } from './command.js';

/** The kinds of streams that commands decide on. */
export const tenantSubject: Subject<Tenant, TenantEvent> = { ...tenantDecider, types: tenantEventTypes };
export const userSubject: Subject<User, UserEvent> = { ...userDecider, types: userEventTypes };
export const apiKeySubject: Subject<ApiKey, ApiKeyEvent> = { ...apiKeyDecider, types: apiKeyEventTypes };
export const ruleSubject: Subject<Rule, RuleEvent> = { ...ruleDecider, types: ruleEventTypes };
export const alertSubject: Subject<Alert, AlertEvent> = { ...alertDecider, types: alertEventTypes };
export const routesSubject: Subject<RouteBook, RouteEvent> = { ...routeBookDecider, types: routeEventTypes };
export const retirementsSubject: Subject<Retirements, RetirementEvent> = {
  ...retirementDecider,
  types: retirementEventTypes,
};
export const erasuresSubject: Subject<Erasures, ErasureEvent> = {
  ...erasureDecider,
  types: erasureEventTypes,
};
export const emailSubject: Subject<Reservation, EmailEvent> = {
  ...emailDecider,
  types: emailEventTypes,
  shared: true,
};
export const erasedPeopleSubject: Subject<ErasedPeople, PersonErased> = {
  ...erasedPeopleDecider,
  types: erasedPeopleEventTypes,
  shared: true,
};
export const sessionSubject: Subject<Session, SessionEvent> = {
  ...sessionDecider,
  types: sessionEventTypes,
  shared: true,
};
export const deploymentsSubject: Subject<DeploymentState, DeploymentEvent> = {
  ...deploymentDecider,
  types: deploymentEventTypes,
};
export const sealsSubject: Subject<Seals, CheckpointSealed> = { ...sealsDecider, types: sealEventTypes };
export const quarantinesSubject: Subject<Quarantines, QuarantineEvent> = {
  ...quarantineDecider,
  types: quarantineEventTypes,
};
export const legitimacySubject: Subject<LegitimacyRules, LegitimacyEvent> = {
  ...legitimacyDecider,
  types: legitimacyEventTypes,
};
