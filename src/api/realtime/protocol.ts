import { Type, type Static } from 'typebox';
import { compile } from '../../platform/validation.js';

/** What clients send. Each message is acknowledged: `{ok: true, …}` or `{ok: false, code, detail}`. */
const topic = Type.String({ minLength: 1, maxLength: 32 });
const params = Type.Optional(Type.Record(Type.String(), Type.Unknown()));

const Subscribe = Type.Object(
  { topic, params, since: Type.Optional(Type.String({ pattern: '^[0-9a-f]{16}$' })) },
  { additionalProperties: false },
);
const Unsubscribe = Type.Object({ topic, params }, { additionalProperties: false });
const GetData = Type.Object({ topic, params }, { additionalProperties: false });
const Heartbeat = Type.Object({}, { additionalProperties: false });

export type TopicMessage = Static<typeof Unsubscribe>;

export const checks = {
  subscribe: compile(Subscribe),
  unsubscribe: compile(Unsubscribe),
  get_data: compile(GetData),
  heartbeat: compile(Heartbeat),
} as const;

export type Ack = { readonly ok: true; readonly [field: string]: unknown } | Refused;
export interface Refused {
  readonly ok: false;
  readonly code: string;
  readonly detail: string;
}

export const refused = (code: string, detail: string): Refused => ({ ok: false, code, detail });

/** Parameters in one spelling, whatever order they came in. */
export const canonical = (value: unknown): string =>
  JSON.stringify(value, (_key, node: unknown) =>
    typeof node === 'object' && node !== null && !Array.isArray(node)
      ? Object.fromEntries(Object.entries(node).sort(([a], [b]) => (a < b ? -1 : 1)))
      : node,
  );
