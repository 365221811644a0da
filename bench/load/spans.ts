import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { seeded } from './events.js';

/**
 * Exports of server spans in OTLP's protobuf, written from its definitions (opentelemetry/proto/trace/v1): field
 * numbers and wire types stand beside what is written.
 */

const LENGTH_DELIMITED = 2;
const VARINT = 0;
const FIXED_64 = 1;
const SERVER = 2;

const tag = (field: number, wire: number): number => field * 8 + wire;

const message = (writer: BinaryWriter, field: number, inner: Uint8Array): BinaryWriter =>
  writer.uint32(tag(field, LENGTH_DELIMITED)).bytes(inner);

/** KeyValue { key = 1, value = 2 { string_value = 1, int_value = 3 } } */
const attribute = (writer: BinaryWriter, field: number, key: string, value: string | number): void => {
  const any = new BinaryWriter();
  if (typeof value === 'string') any.uint32(tag(1, LENGTH_DELIMITED)).string(value);
  else any.uint32(tag(3, VARINT)).int64(value);
  const entry = new BinaryWriter().uint32(tag(1, LENGTH_DELIMITED)).string(key);
  message(writer, field, message(entry, 2, any.finish()).finish());
};

const routes = ['/orders/:id', '/orders', '/users/:id', '/cart', '/search', '/checkout', '/login', '/health'];
const statuses = [200, 200, 200, 200, 200, 200, 201, 204, 304, 400, 404, 500];

/** Trace and span id: where they stand is looked for by what they are before they are known. */
const BLANK_IDS = Buffer.from([tag(1, LENGTH_DELIMITED), 16, ...Array<number>(16).fill(0xa7)]);
const SPAN_ID_AT = BLANK_IDS.length + 2;

const span = (random: () => number): Uint8Array => {
  const pick = <T>(values: readonly [T, ...T[]] | readonly T[], fallback: T): T =>
    values[Math.floor(random() * values.length)] ?? fallback;
  const method = random() < 0.8 ? 'GET' : 'POST';
  const route = pick(routes, '/');
  const start = 1_700_000_000_000_000_000n + BigInt(Math.floor(random() * 1e9));
  const writer = new BinaryWriter();
  message(writer, 1, BLANK_IDS.subarray(2));
  message(writer, 2, new Uint8Array(8).fill(0xa7));
  writer.uint32(tag(5, LENGTH_DELIMITED)).string(`${method} ${route}`);
  writer.uint32(tag(6, VARINT)).int32(SERVER);
  writer.uint32(tag(7, FIXED_64)).fixed64(start.toString());
  writer
    .uint32(tag(8, FIXED_64))
    .fixed64((start + BigInt(Math.round(Math.exp(random() * 6) * 1e6))).toString());
  attribute(writer, 9, 'http.request.method', method);
  attribute(writer, 9, 'http.route', route);
  attribute(writer, 9, 'url.path', route.replace(':id', String(Math.floor(random() * 10_000))));
  attribute(writer, 9, 'http.response.status_code', pick(statuses, 200));
  attribute(writer, 9, 'server.address', 'shop.example.com');
  attribute(writer, 9, 'user_agent.original', 'bench/1.0');
  return writer.finish();
};

/** An export whose ids can be made new, so that it is no repetition of itself. */
export interface SpanExport {
  readonly body: Buffer;
  /** Writes ids that no other export of the run has into a copy of the body. */
  readonly renew: (copy: Buffer, number: number) => void;
}

/** Exports of one service each, all of one resource and scope, as exporters send them. */
export const spanExports = (count: number, spans: number): readonly SpanExport[] => {
  const random = seeded(11);
  return Array.from({ length: count }, (): SpanExport => {
    const resource = new BinaryWriter();
    attribute(resource, 1, 'service.name', 'checkout');
    attribute(resource, 1, 'service.version', '1.4.2');
    attribute(resource, 1, 'deployment.environment.name', 'production');
    const scope = new BinaryWriter()
      .uint32(tag(1, LENGTH_DELIMITED))
      .string('@opentelemetry/instrumentation-http');
    const scope_spans = message(new BinaryWriter(), 1, scope.finish());
    for (let i = 0; i < spans; i += 1) message(scope_spans, 2, span(random));
    const resource_spans = message(new BinaryWriter(), 1, resource.finish());
    const body = Buffer.from(
      message(new BinaryWriter(), 1, message(resource_spans, 2, scope_spans.finish()).finish()).finish(),
    );
    const places: number[] = [];
    for (let at = body.indexOf(BLANK_IDS); at >= 0; at = body.indexOf(BLANK_IDS, at + 1)) places.push(at);
    return {
      body,
      renew: (copy, number) => {
        places.forEach((at, index) => {
          copy.writeUInt32LE(number, at + 2);
          copy.writeUInt32LE(index, at + 6);
          copy.writeUInt32LE(number, at + SPAN_ID_AT);
          copy.writeUInt32LE(index, at + SPAN_ID_AT + 4);
        });
      },
    };
  });
};
