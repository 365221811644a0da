import { Type } from 'typebox';
import { erasePerson, Erasure } from '../../../commands/erase-person.js';
import { auditTrail } from '../../../projections/audit-trail/projection.js';
import { answer } from '../answers.js';
import { defineRoute, type Route } from '../route.js';
import { closed, open, Position } from '../schemas.js';

const erase = defineRoute({
  method: 'POST',
  path: '/api/v2/people/{person_id}/erase',
  summary: 'Erases a person, for good.',
  description:
    'Destroys the key under which the log has their e-mail address, name, password and the addresses that they acted ' +
    'from: where these stood there is `[erased]` from then on, in every read model, rebuilt ones too, and in every copy of ' +
    'the log. Their sessions end. What they did stays, under their id, and every proof holds.',
  tags: ['auth'],
  auth: 'erase',
  operator: true,
  params: closed({ person_id: Type.String({ maxLength: 64 }) }),
  body: { schema: Erasure },
  responses: {
    200: {
      description: 'Erased, now or before.',
      schema: open({ person_id: Type.String(), tenant_id: Type.String(), position: Position }),
      headers: { 'X-PulseStream-Position': 'The log position that this reached.' },
    },
  },
  problems: [404],
  async handle(request, api) {
    const input = { ...request.body, person_id: request.params.person_id };
    const result = await api.pipeline.execute(erasePerson, input, request.context);
    return answer(result, request, api, { status: 200, awaits: [auditTrail], body: (erased) => erased });
  },
});

/** The people of a tenant, beyond what the first version of the API has. */
export const people: readonly Route[] = [erase];
