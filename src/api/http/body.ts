import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate, inflateRaw } from 'node:zlib';
import { hasErrorCode } from '../../platform/files.js';
import { problem, type Problem } from './problem.js';
import { unzstd } from './zstd.js';

export interface BodyLimits {
  /** Bytes on the wire. */
  readonly received: number;
  /** Bytes after decompression. */
  readonly decompressed: number;
}

/** What has a body, as received: still on its way, or here already. */
export interface WithBody {
  readonly headers: IncomingHttpHeaders;
  readonly body: IncomingMessage | Buffer;
}

/** Where the bytes of bodies are counted, as long as they are in memory. */
export interface BodyAccount {
  /** Takes so many; false where there is no room for them now. */
  take(bytes: number): boolean;
  /** A buffer for a body that was announced to have so many bytes, with anything in it; good as long as the account is. */
  room(bytes: number): Buffer;
}

export type BodyOutcome =
  { readonly ok: true; readonly body: Buffer } | { readonly ok: false; readonly problem: Problem };

/** The client went away in the middle of its request: there is nobody to answer. */
export class ClientGone extends Error {}

type DecompressOutcome =
  | { readonly outcome: 'decompressed'; readonly body: Buffer }
  | { readonly outcome: 'too_large' | 'undecodable' };

/** Decompresses to a limit: what comes to more is too large, whatever it would come to. */
type Decompress = (bytes: Buffer, limit: number) => Promise<DecompressOutcome>;

type Inflate = (bytes: Buffer, options: { maxOutputLength: number; chunkSize: number }) => Promise<Buffer>;
const INFLATE_CHUNK = 128 * 1024;

const ofZlib =
  (decompress: Inflate): Decompress =>
  async (bytes, limit) => {
    try {
      const body = await decompress(bytes, { maxOutputLength: limit, chunkSize: INFLATE_CHUNK });
      return { outcome: 'decompressed', body };
    } catch (error) {
      return { outcome: hasErrorCode(error, 'ERR_BUFFER_TOO_LARGE') ? 'too_large' : 'undecodable' };
    }
  };

const rawInflate = ofZlib(promisify(inflateRaw));
const zlibInflate = ofZlib(promisify(inflate));

const decompressors: ReadonlyMap<string, Decompress> = new Map<string, Decompress>([
  ['gzip', ofZlib(promisify(gunzip))],
  ['x-gzip', ofZlib(promisify(gunzip))],
  ['br', ofZlib(promisify(brotliDecompress))],
  // RFC 9110 means the zlib format by `deflate`; some clients send the bare one, which never begins with method 8.
  ['deflate', (bytes, limit) => (((bytes[0] ?? 0) & 0x0f) === 8 ? zlibInflate : rawInflate)(bytes, limit)],
  ['zstd', unzstd],
]);
const ENCODINGS = 'gzip, deflate, br, zstd';

const fail = (reason: Problem): BodyOutcome => ({ ok: false, problem: reason });

const tooLarge = (limit: number, what: string): BodyOutcome =>
  fail(problem(413, 'body_too_large', `The body may have ${limit} bytes${what}.`));

/** Why telemetry is not taken in just now. */
export const overloaded = problem(
  503,
  'overloaded',
  'There is more to do than can be done soon. Send the same again later.',
  { retry_after_seconds: 1 },
);

/** Bodies from this size on are received into memory that is used again. */
const LARGE_BYTES = 64 * 1024;

/** Puts a body together from its parts. */
interface Assembly {
  add(part: Buffer): void;
  whole(): Buffer;
}

const byConcatenation = (): Assembly => {
  const parts: Buffer[] = [];
  return {
    add: (part) => void parts.push(part),
    whole: () => (parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts)),
  };
};

/** For a body whose size is known: the HTTP parser lets no more through than was announced. */
const inPlace = (room: Buffer): Assembly => {
  let size = 0;
  return {
    add: (part) => {
      size += part.copy(room, size);
    },
    whole: () => room.subarray(0, size),
  };
};

/** Collects the bytes as received, until there are more than the limit or than there is room for. */
const collect = (
  request: IncomingMessage,
  limit: number,
  account: BodyAccount | undefined,
): Promise<BodyOutcome> =>
  new Promise((resolve, reject) => {
    const announced = Number(request.headers['content-length'] ?? 0);
    let assembly: Assembly | undefined;
    let size = 0;
    let ended = false;
    const stop = (why: BodyOutcome): void => {
      request.off('data', onData).off('end', onEnd).off('close', onClose);
      resolve(why);
    };
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > limit) stop(tooLarge(limit, ''));
      else if (account && !account.take(chunk.length)) stop(fail(overloaded));
      else {
        // Not before its first bytes are here: who only announces a body takes no memory.
        assembly ??=
          account && announced >= LARGE_BYTES ? inPlace(account.room(announced)) : byConcatenation();
        assembly.add(chunk);
      }
    };
    const onEnd = (): void => {
      ended = true;
      resolve({ ok: true, body: assembly?.whole() ?? Buffer.alloc(0) });
    };
    // Comes after an error too, which node does not raise where nobody listens for it.
    const onClose = (): void => {
      if (!ended) reject(new ClientGone('The request ended in its middle.'));
    };
    request.on('data', onData).on('end', onEnd).on('close', onClose);
  });

/** The same of a body that came with its head; its length is what was announced. */
const atHand = (body: Buffer, account: BodyAccount | undefined): BodyOutcome =>
  account && !account.take(body.length) ? fail(overloaded) : { ok: true, body };

/** Memory that inflating takes is counted only when it is done, so few bodies are inflated at once: as many as there are threads for it. */
const INFLATED_AT_ONCE = 4;
let inflating = 0;
const toBeInflated: (() => void)[] = [];

const inOrder = async <T>(inflate: () => Promise<T>): Promise<T> => {
  if (inflating < INFLATED_AT_ONCE) inflating += 1;
  else await new Promise<void>((begin) => toBeInflated.push(begin));
  try {
    return await inflate();
  } finally {
    const next = toBeInflated.shift();
    if (next) next();
    else inflating -= 1;
  }
};

/**
 * Reads a body, decompressed. What is longer than the limits is refused by its announced length before a byte is
 * read, else as soon as it gets there; inflating stops at the limit too, whatever a few bytes would expand to.
 * With an `account` it is refused as well where there is no room for it.
 */
export const readBody = (
  { headers, body }: WithBody,
  limits: BodyLimits,
  account?: BodyAccount,
): BodyOutcome | Promise<BodyOutcome> => {
  const encoding = (headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  const decompress = decompressors.get(encoding);
  if (encoding !== 'identity' && encoding !== '' && !decompress)
    return fail(
      problem(415, 'unsupported_encoding', `Content-Encoding may be one of ${ENCODINGS}.`, {
        headers: { 'Accept-Encoding': ENCODINGS },
      }),
    );
  const limit = decompress ? limits.received : limits.decompressed;
  if (Number(headers['content-length'] ?? 0) > limit) return tooLarge(limit, '');
  const received = Buffer.isBuffer(body) ? atHand(body, account) : collect(body, limit, account);
  return decompress ? decompressed(received, encoding, decompress, limits, account) : received;
};

const decompressed = async (
  collected: BodyOutcome | Promise<BodyOutcome>,
  encoding: string,
  decompress: Decompress,
  limits: BodyLimits,
  account: BodyAccount | undefined,
): Promise<BodyOutcome> => {
  const received = await collected;
  if (!received.ok || received.body.length === 0) return received;
  const result = await inOrder(() => decompress(received.body, limits.decompressed));
  switch (result.outcome) {
    case 'decompressed':
      return account && !account.take(result.body.length)
        ? fail(overloaded)
        : { ok: true, body: result.body };
    case 'too_large':
      return tooLarge(limits.decompressed, ' after decompression');
    case 'undecodable':
      return fail(problem(400, 'undecodable_body', `The body is not valid ${encoding}.`));
  }
};
