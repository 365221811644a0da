import { Type } from 'typebox';
import { routesStream } from '../domain/streams.js';
import { definePatterns } from '../domain/telemetry/routes/book.js';
import { MAX_PATTERNS, parsePatterns } from '../domain/telemetry/routes/patterns.js';
import { ownTenant } from './access/own-tenant.js';
import { defineCommand, done, refused } from './command.js';
import { routesSubject } from './subjects.js';

export const RoutePatterns = Type.Object(
  {
    patterns: Type.Array(Type.String({ minLength: 1, maxLength: 256 }), {
      maxItems: MAX_PATTERNS,
      description:
        'The first that matches a path is its route: `/blog/{slug}`, `/reports/{year}.pdf`, `/files/*`.',
    }),
  },
  { additionalProperties: false },
);

/** Says which routes a tenant's paths have, in place of what it said before; an empty list says nothing. */
export const defineRoutePatterns = defineCommand({
  name: 'define-route-patterns',
  input: RoutePatterns,
  needs: 'tenant:admin',
  writes: 'domain',
  run: async ({ patterns }, transaction, { principal, expected_version }) => {
    const tenant = ownTenant(principal);
    if (!tenant.ok) return tenant;
    const parsed = parsePatterns(patterns);
    if (!parsed.ok)
      return refused('invalid', 'invalid_input', 'A pattern is not valid.', {
        errors: [
          { pointer: `/patterns/${String(parsed.index)}`, code: 'invalid_pattern', detail: parsed.detail },
        ],
      });
    const defined = await transaction.decide(
      routesStream(tenant.value),
      routesSubject,
      (book) => definePatterns(book, patterns),
      { expected_version },
    );
    return defined.ok ? done({ patterns, version: defined.value.version }) : defined;
  },
});
