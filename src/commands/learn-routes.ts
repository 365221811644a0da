import { Type } from 'typebox';
import { routesStream } from '../domain/streams.js';
import { takeLessons } from '../domain/telemetry/routes/book.js';
import { ownTenant } from './access/own-tenant.js';
import { defineCommand, done, refused } from './command.js';
import { routesSubject } from './subjects.js';

const texts = Type.Array(Type.String());

/** Takes down what was learned of a tenant's paths; what is known already is not recorded again. */
export const learnRoutes = defineCommand({
  name: 'learn-routes',
  input: Type.Object(
    {
      templates: Type.Array(
        Type.Object(
          {
            parent: texts,
            kind: Type.String(),
            kept: texts,
            because: Type.Enum(['siblings', 'limit']),
          },
          { additionalProperties: false },
        ),
      ),
      frozen: Type.Optional(texts),
    },
    { additionalProperties: false },
  ),
  needs: 'telemetry:write',
  writes: 'domain',
  run: async (lessons, transaction, { principal }) => {
    if (principal.actor.kind !== 'process')
      return refused('forbidden', 'forbidden', 'Routes are learned from telemetry only.');
    const tenant = ownTenant(principal);
    if (!tenant.ok) return tenant;
    const taken = await transaction.decide(routesStream(tenant.value), routesSubject, (book) =>
      takeLessons(book, lessons),
    );
    return taken.ok ? done({}) : taken;
  },
});
