import { Type } from 'typebox';
import { seal } from '../domain/integrity/seals.js';
import { sealsStream } from '../domain/streams.js';
import type { Revision } from '../eventstore/event-store.js';
import { defineCommand, done } from './command.js';
import { sealsSubject } from './subjects.js';

const size = Type.Integer({ minimum: 0 });
const checkpoint = { size, root: Type.String(), note: Type.String() };

/** Records a signed checkpoint of the log in the log, where it covers something new. */
export const sealCheckpoint = defineCommand({
  name: 'seal-checkpoint',
  input: Type.Object(
    {
      ...checkpoint,
      /** The last one that the sender has read: the stream grows for good, and is not read from its beginning. */
      last: Type.Optional(
        Type.Object(
          { ...checkpoint, revision: Type.Integer({ minimum: 0 }) },
          { additionalProperties: false },
        ),
      ),
    },
    { additionalProperties: false },
  ),
  needs: 'log:seal',
  writes: 'domain',
  run: async ({ last, ...given }, transaction) => {
    const { revision, ...data } = last ?? {};
    const known = last && { state: { last: data as typeof given }, revision: revision as Revision };
    const sealed = await transaction.decide(sealsStream, sealsSubject, (seals) => seal(seals, given), {
      known,
    });
    return sealed.ok ? done({ last: sealed.value.state.last, version: sealed.value.version }) : sealed;
  },
});
