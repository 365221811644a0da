import type { IncomingHttpHeaders } from 'node:http';

/** The head of a request that leaves no question open. */
export interface PlainHead {
  /** Path and query as sent. */
  readonly url: string;
  readonly path: string;
  /** Names in lower case. */
  readonly headers: IncomingHttpHeaders;
  /** Bytes of the head, its empty line included. */
  readonly head_bytes: number;
  /** Bytes of the body behind it. */
  readonly body_bytes: number;
}

/** As much as a head may have; those of clients that send telemetry have a few hundred bytes. */
const LONGEST = 4096;
const END = Buffer.from('\r\n\r\n');

/** Methods, targets, names and values in characters that mean themselves; anything else that HTTP allows is for others to read. */
const PLAIN = /^POST (\/[\w./-]*)(\?[\w.~%+:=&-]*)? HTTP\/1\.1\r\n(?:[A-Za-z\d-]+:[ -~]*\r\n)+$/;

const KEEP_ALIVE = /^keep-alive$/i;
const LENGTH = /^(?:0|[1-9]\d{0,8})$/;

/** What changes how a request is framed, answered or passed on, or is more than text to node. */
const OUT_OF_THE_ORDINARY: ReadonlySet<string> = new Set([
  'connection',
  'expect',
  'http2-settings',
  'origin',
  'proxy-connection',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * Reads a head that stands whole at the beginning of what was received; undefined where it is not here whole, or is not
 * plain: then somebody else has to read it, and nothing is said about it. What is plain every reader of HTTP/1.1 takes
 * to mean the same: a POST with one host and one length, no name twice, nothing folded, quoted or encoded (RFC 9112).
 */
export const readPlainHead = (bytes: Buffer): PlainHead | undefined => {
  const last = bytes.indexOf(END);
  if (last === -1 || last > LONGEST) return undefined;
  const text = bytes.toString('latin1', 0, last + 2);
  const [, path, query = ''] = PLAIN.exec(text) ?? [];
  if (path === undefined) return undefined;
  const headers: Record<string, string> = {};
  for (let at = text.indexOf('\n') + 1; at < text.length;) {
    const colon = text.indexOf(':', at);
    const end = text.indexOf('\r', colon);
    const name = text.slice(at, colon).toLowerCase();
    const value = text.slice(colon + 1, end).trim();
    if (headers[name] !== undefined) return undefined;
    if (OUT_OF_THE_ORDINARY.has(name) && !(name === 'connection' && KEEP_ALIVE.test(value))) return undefined;
    headers[name] = value;
    at = end + 2;
  }
  const { host, 'content-length': length } = headers;
  if (host === undefined || length === undefined || !LENGTH.test(length)) return undefined;
  return {
    url: path + query,
    path,
    headers,
    head_bytes: last + END.length,
    body_bytes: Number(length),
  };
};
