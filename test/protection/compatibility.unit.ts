import { describe, expect, it } from '@jest/globals';
import { incompatibilities } from './compatibility.js';

interface Changes {
  input?: object;
  output?: object;
  operation?: object;
  paths?: object;
}

const body = {
  type: 'object',
  required: ['name'],
  additionalProperties: false,
  properties: {
    name: { type: 'string', maxLength: 10 },
    kind: { enum: ['a', 'b'] },
    size: { type: 'integer' },
  },
};
const answer = {
  type: 'object',
  required: ['id', 'list'],
  properties: {
    id: { type: 'string' },
    list: { type: 'array', items: { $ref: '#/components/schemas/Item' } },
  },
};

const document = ({ input = body, output = answer, operation = {}, paths }: Changes = {}): object => ({
  paths: paths ?? {
    '/things': {
      post: {
        security: [{ token: [] }, { api_key: [] }],
        parameters: [{ name: 'q', in: 'query', required: false, schema: { type: 'string' } }],
        requestBody: { required: true, content: { 'application/json': { schema: input } } },
        responses: {
          200: { headers: { ETag: {} }, content: { 'application/json': { schema: output } } },
          404: { content: {} },
        },
        ...operation,
      },
    },
  },
  components: {
    schemas: { Item: { type: 'object', required: ['n'], properties: { n: { type: 'number' } } } },
  },
});

const withInput = (properties: object, more: object = {}): object =>
  document({ input: { ...body, ...more, properties: { ...body.properties, ...properties } } });
const withOutput = (properties: object, more: object = {}): object =>
  document({ output: { ...answer, ...more, properties: { ...answer.properties, ...properties } } });

describe('a change of the API document', () => {
  it.each([
    ['nothing', document()],
    ['a new optional field of a body', withInput({ extra: { type: 'string' } })],
    ['a wider type', withInput({ size: { type: 'number' } })],
    ['one more value', withInput({ kind: { enum: ['a', 'b', 'c'] } })],
    ['a longer text', withInput({ name: { type: 'string', maxLength: 20 } })],
    ['a field that need not be sent any more', withInput({}, { required: [] })],
    [
      'an alternative beside what was taken',
      withInput({ size: { anyOf: [{ type: 'integer' }, { type: 'string' }] } }),
    ],
    ['a new field of an answer', withOutput({ extra: { type: 'string' } })],
    ['a promise more', withOutput({ extra: { type: 'string' } }, { required: ['id', 'list', 'extra'] })],
    [
      'another route',
      document({ paths: { ...(document() as { paths: object }).paths, '/more': { get: {} } } }),
    ],
  ])('is compatible: %s', (_what, after) => expect(incompatibilities(document(), after)).toEqual([]));

  it.each([
    ['a route gone', document({ paths: {} }), 'POST /things: is gone'],
    ['a status gone', document({ operation: { responses: {} } }), 'POST /things 200: is gone'],
    ['a field not taken', withInput({ size: undefined }), 'POST /things body/size: is not taken any more'],
    [
      'a field newly required',
      withInput({}, { required: ['name', 'kind'] }),
      'POST /things body/kind: is required now',
    ],
    [
      'a narrower type',
      withInput({ name: { type: 'integer', maxLength: 10 } }),
      'body/name: the type is narrower',
    ],
    [
      'a shorter text',
      withInput({ name: { type: 'string', maxLength: 5 } }),
      'body/name: maxLength is narrower',
    ],
    ['a new bound', withInput({ size: { type: 'integer', minimum: 1 } }), 'body/size: minimum is narrower'],
    [
      'a new pattern',
      withInput({ name: { type: 'string', maxLength: 10, pattern: '^a' } }),
      'pattern is another',
    ],
    ['a value less', withInput({ kind: { enum: ['a'] } }), 'body/kind: fewer values are taken'],
    ['a field of an answer gone', withOutput({ id: undefined }), 'POST /things 200/id: is gone'],
    [
      'a promise less',
      withOutput({}, { required: ['list'] }),
      'POST /things 200/id: is not promised any more',
    ],
    [
      'an answer of another type',
      withOutput({ id: { type: 'integer' } }),
      'POST /things 200/id: the type is another',
    ],
    [
      'an answer that may be null',
      withOutput({ id: { anyOf: [{ type: 'string' }, { type: 'null' }] } }),
      'type is another',
    ],
    [
      'a field deep in a list gone',
      withOutput({ list: { type: 'array', items: { type: 'object', properties: {} } } }),
      'POST /things 200/list[]/n: is gone',
    ],
    [
      'other credentials',
      document({ operation: { security: [{ token: [] }] } }),
      'asks for other credentials',
    ],
    ['a parameter gone', document({ operation: { parameters: [] } }), 'query q: is not taken any more'],
    [
      'a parameter newly required',
      document({
        operation: { parameters: [{ name: 'q', in: 'query', required: true, schema: { type: 'string' } }] },
      }),
      'query q: is required now',
    ],
    [
      'a header gone',
      document({
        operation: { responses: { 200: { content: { 'application/json': { schema: answer } } }, 404: {} } },
      }),
      'POST /things 200 header ETag: is gone',
    ],
  ])('is incompatible: %s', (_what, after, fault) => {
    const faults = incompatibilities(document(), JSON.parse(JSON.stringify(after)) as object);
    expect(faults).toEqual(expect.arrayContaining([expect.stringContaining(fault)]));
  });
});
