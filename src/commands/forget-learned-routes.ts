import { Type } from 'typebox';
import { routesStream } from '../domain/streams.js';
import { forgetLearned } from '../domain/telemetry/routes/book.js';
import { ownTenant } from './access/own-tenant.js';
import { defineCommand, done } from './command.js';
import { routesSubject } from './subjects.js';

/** Forgets what was learned of a tenant's routes; they are learned anew of the telemetry that comes from now on. */
export const forgetLearnedRoutes = defineCommand({
  name: 'forget-learned-routes',
  input: Type.Object({}, { additionalProperties: false }),
  needs: 'tenant:admin',
  writes: 'domain',
  run: async (_input, transaction, { principal, expected_version }) => {
    const tenant = ownTenant(principal);
    if (!tenant.ok) return tenant;
    const forgotten = await transaction.decide(routesStream(tenant.value), routesSubject, forgetLearned, {
      expected_version,
    });
    return forgotten.ok ? done({ version: forgotten.value.version }) : forgotten;
  },
});
