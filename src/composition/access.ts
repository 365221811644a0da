import type { ServerLimits } from '../api/dependencies.js';
import { Authenticator } from '../commands/access/authenticator.js';
import { TenantSettings } from '../commands/access/tenant-settings.js';
import { AccessTokens } from '../commands/access/tokens.js';
import { Eraser } from '../people/eraser.js';
import { OpenedLog } from '../people/opened-log.js';
import { NamedLog } from '../people/named-log.js';
import { People } from '../people/people.js';
import { Pseudonyms } from '../people/pseudonyms.js';
import type { Config } from '../platform/config.js';
import { PasswordWorker } from '../platform/password.js';
import { tokens as t, type Bind, type Given } from './tokens.js';

/** What is said of people: sealed where it is written, opened where it is read, erased. */
export const bindPeople = (bind: Bind, { keys, stores: { log, personKeys, pseudonyms } }: Given): void => {
  bind(t.people, (get) => new People(personKeys, keys.people, get(t.random), get(t.clock)));
  bind(
    t.pseudonyms,
    (get) =>
      pseudonyms &&
      new Pseudonyms({
        store: pseudonyms,
        master: keys.people,
        hash: (field, value) => keys.pseudonym(field, value),
        random: get(t.random),
        clock: get(t.clock),
      }),
  );
  // What people read, and what is decided by what telemetry says of people. All else has the log as it is.
  bind(t.namedLog, (get) => {
    const names = get(t.pseudonyms);
    return names ? new NamedLog(log, names) : log;
  });
  bind(t.openedLog, (get) => new OpenedLog(get(t.namedLog), get(t.people)));
  bind(t.eraser, (get) => {
    const refusedActs = get(t.refusedActs);
    const authenticator = get(t.authenticator);
    return new Eraser(log, {
      people: get(t.people),
      purge: ({ tenant_id, person_id }) => refusedActs.forget(tenant_id, person_id),
      credentialChanged: (person) => {
        authenticator.forget(person);
      },
    });
  });
};

/** Who may do what, and how much of it. */
export const bindAccess = (bind: Bind, { config, keys, operator_token }: Given): void => {
  bind(t.passwords, () => new PasswordWorker());
  bind(t.accessTokens, (get) => new AccessTokens(keys.tokens, get(t.clock)));
  bind(
    t.authenticator,
    (get) =>
      new Authenticator(get(t.visibleLog), get(t.accessTokens), operator_token, get(t.clock), get(t.guard)),
  );
  bind(t.settings, (get) => new TenantSettings(get(t.visibleLog), get(t.clock), serverLimits(config)));
  bind(t.access, (get) => {
    const authenticator = get(t.authenticator);
    const settings = get(t.settings);
    return {
      passwords: get(t.passwords),
      tokens: get(t.accessTokens),
      random: get(t.random),
      clock: get(t.clock),
      answers_key: keys.answers,
      pseudonym: (kind, value) => keys.pseudonym(kind, value),
      credentialChanged: (actor_id) => {
        authenticator.forget(actor_id);
      },
      settingsChanged: (tenant) => {
        settings.forget(tenant);
      },
      quarantines: get(t.quarantines),
      eraser: get(t.eraser),
    };
  });
};

/** What a tenant may do whose operator has said nothing else. */
export const serverLimits = (config: Config): ServerLimits => ({
  requests_per_minute: config.PULSESTREAM_RATE_LIMIT_REQUESTS,
  tenant_requests_per_minute:
    config.PULSESTREAM_RATE_LIMIT_TENANT_REQUESTS ?? 10 * config.PULSESTREAM_RATE_LIMIT_REQUESTS,
  events_per_minute: config.PULSESTREAM_RATE_LIMIT_EVENTS,
  key_events_per_minute: config.PULSESTREAM_RATE_LIMIT_KEY_EVENTS ?? config.PULSESTREAM_RATE_LIMIT_EVENTS,
  sign_ins_per_minute: config.PULSESTREAM_RATE_LIMIT_SIGN_IN,
  burst_seconds: config.PULSESTREAM_RATE_LIMIT_BURST_SECONDS,
  routes: config.PULSESTREAM_ROUTE_LIMIT,
});
