import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { Duplex } from 'node:stream';
import { readPlainHead } from '../../../src/api/http/plain-head.js';

interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Node alone, on connections in memory. */
let node: Server;
let seen: Seen[] = [];

beforeAll(() => {
  node = createServer((request, response) => {
    const { method, url, headers } = request;
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      seen.push({ method, url, headers, body: Buffer.concat(parts).toString('latin1') });
      response.end();
    });
  });
  node.emit('listening');
});
afterAll(() => {
  node.close();
});

/** What node reads off a connection with these bytes, up to its end or to what it refuses. */
const readByNode = async (bytes: Buffer): Promise<readonly Seen[]> => {
  seen = [];
  const connection = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
  node.emit('connection', connection);
  const closed = new Promise((resolve) => connection.once('close', resolve));
  connection.push(bytes);
  connection.push(null);
  await closed;
  return seen;
};

const AFTERWARDS = 'GET /afterwards HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n';

/** What is plain has to mean the same to node, and to end at the same byte; true where it was plain. */
const agrees = async (head: string, behind = ''): Promise<boolean> => {
  const bytes = Buffer.from(head + behind, 'latin1');
  const plain = readPlainHead(bytes);
  if (!plain) return false;
  const { url, headers, head_bytes, body_bytes } = plain;
  const body = 'b'.repeat(body_bytes);
  const [first, second, ...more] = await readByNode(
    Buffer.concat([bytes.subarray(0, head_bytes), Buffer.from(body + AFTERWARDS)]),
  );
  expect(first).toEqual({ method: 'POST', url, headers, body });
  expect(second?.url).toBe('/afterwards');
  expect(more).toEqual([]);
  return true;
};

const PLAIN = 'POST /api/v1/ingestion/events HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n';

/** A head with a line more. */
const withLine = (line: string): string => PLAIN.replace('\r\n\r\n', `\r\n${line}\r\n\r\n`);
/** A head with another length, as its line. */
const withLength = (line: string): string => PLAIN.replace('content-length: 2', line);

describe('a plain head', () => {
  it('is read as it stands', () => {
    const text = withLine('X-API-Key:  a key ').replace('events', 'events/batch?atomic=true');
    expect(readPlainHead(Buffer.from(`${text}{}`))).toEqual({
      url: '/api/v1/ingestion/events/batch?atomic=true',
      path: '/api/v1/ingestion/events/batch',
      headers: { host: 'x', 'content-length': '2', 'x-api-key': 'a key' },
      head_bytes: text.length,
      body_bytes: 2,
    });
  });

  it.each([
    [
      'with what clients send',
      withLine('User-Agent: curl/8.5.0\r\nAccept: */*\r\nAccept-Encoding: gzip, br'),
    ],
    ['that asks for what is so anyway', withLine('Connection: keep-alive')],
    ['with an empty value', withLine('x-nothing:')],
    ['with no body', withLength('content-length: 0')],
  ])('is one %s', async (_what, head) => {
    expect(await agrees(head)).toBe(true);
  });
});

describe('a head is not plain', () => {
  const bare = PLAIN.replaceAll('\r\n', '\n');
  it.each([
    ['that is not whole', PLAIN.slice(0, -1)],
    ['of another method', PLAIN.replace('POST', 'GET')],
    ['of a method in lower case', PLAIN.replace('POST', 'post')],
    ['of another version', PLAIN.replace('1.1', '1.0')],
    ['of a version to come', PLAIN.replace('1.1', '2.0')],
    ['with an empty line in front', `\r\n${PLAIN}`],
    ['with two spaces', PLAIN.replace('POST ', 'POST  ')],
    ['with a tab for a space', PLAIN.replace('POST ', 'POST\t')],
    ['with a whole address as its target', PLAIN.replace(' /api', ' http://x/api')],
    ['with a fragment', PLAIN.replace('events', 'events#a')],
    ['with an encoded path', PLAIN.replace('events', 'event%73')],
    ['with nothing but bare line feeds', bare],
    ['with one bare line feed', PLAIN.replace('host: x\r\n', 'host: x\n')],
    ['with a bare line feed in a value', withLine('x-a: b\nx-c: d')],
    ['with a carriage return in a value', withLine('x-a: b\rx-c: d')],
    ['with NUL in a value', withLine('x-a: b\0c')],
    ['with NUL in a name', withLine('x\0a: b')],
    ['with a folded line', withLine('x-a: b\r\n c')],
    ['with a line folded by a tab', withLine('x-a: b\r\n\tc')],
    ['with a space before the colon', withLine('x-a : b')],
    ['with a space before the first name', PLAIN.replace('host', ' host')],
    ['with a line without a colon', withLine('x-a')],
    ['with a line without a name', withLine(': a')],
    ['with a tab in a value', withLine('x-a:\tb')],
    ['with bytes beyond ASCII', withLine('x-a: caf\xe9')],
    ['without a host', PLAIN.replace('host: x\r\n', '')],
    ['with two hosts', withLine('Host: y')],
    ['without a length', PLAIN.replace('content-length: 2\r\n', '')],
    ['with the same length twice', withLine('Content-Length: 2')],
    ['with two lengths', withLine('Content-Length: 3')],
    ['with a list of lengths', withLength('content-length: 2, 2')],
    ['with a signed length', withLength('content-length: +2')],
    ['with a negative length', withLength('content-length: -2')],
    ['with a hexadecimal length', withLength('content-length: 0x2')],
    ['with a length with a zero in front', withLength('content-length: 02')],
    ['with a length in two parts', withLength('content-length: 2 2')],
    ['with a length beyond numbers', withLength(`content-length: ${'9'.repeat(30)}`)],
    ['with an empty length', withLength('content-length:')],
    ['with a length whose name has a space', withLength('content-length : 2')],
    ['with chunks besides a length', withLine('Transfer-Encoding: chunked')],
    ['with chunks that are hidden', withLine('Transfer-Encoding: xchunked')],
    ['with chunks instead of a length', withLength('Transfer-Encoding: chunked')],
    ['with trailers', withLine('Trailer: x-a')],
    ['that wants to be asked for its body', withLine('Expect: 100-continue')],
    ['that wants another protocol', withLine('Upgrade: websocket')],
    ['of a connection that is to end', withLine('Connection: close')],
    ['of a connection with more to say', withLine('Connection: keep-alive, x-a')],
    ['of a page', withLine('Origin: https://x')],
    ['with a name that every object has', withLine('constructor: 1')],
    ['with any name twice', withLine('x-a: 1\r\nX-A: 2')],
    ['that is long', withLine(`x-a: ${'a'.repeat(5000)}`)],
  ])('%s', (_what, head) => {
    expect(readPlainHead(Buffer.from(`${head}{}`, 'latin1'))).toBeUndefined();
  });
});

describe('whatever is taken to be plain', () => {
  /** What heads are made of, and what they are attacked with. */
  const piece = fc.constantFrom(
    ...[
      '\r\n',
      '\n',
      '\r',
      '\r\n\r\n',
      ' ',
      '\t',
      ':',
      ': ',
      '\0',
      '\x7f',
      '\x80',
      '\xff',
      ',',
      ';',
      '"',
      '%0d%0a',
    ],
    ...[
      'host',
      'x-a',
      '1',
      '0',
      '10',
      '+',
      '-',
      '_',
      '#',
      '?',
      '/',
      '//',
      '..',
      'HTTP/1.1',
      'POST /a HTTP/1.1',
    ],
    ...[
      'content-length',
      'Content-Length: 1\r\n',
      'transfer-encoding',
      'Transfer-Encoding: chunked\r\n',
      'chunked',
    ],
    ...[
      'connection',
      'keep-alive',
      'close',
      'Connection: close\r\n',
      'upgrade',
      'expect',
      'set-cookie: a\r\n',
    ],
    ...['cookie: a\r\n', '__proto__', 'constructor', 'x-b: \r\n', 'accept: a, b\r\n', 'te: trailers\r\n'],
  );
  const change = fc.record({ at: fc.nat(200), without: fc.nat(12), piece });

  it('means the same to node, however a head was changed', async () => {
    let plain = 0;
    let others = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { maxLength: 4 }),
        fc.string({ maxLength: 20 }),
        async (changes, behind) => {
          let head = withLine('X-API-Key: abc\r\nContent-Type: application/json');
          for (const { at, without, piece } of changes) {
            const place = at % head.length;
            head = head.slice(0, place) + piece + head.slice(place + without);
          }
          if (await agrees(head, behind)) plain += 1;
          else others += 1;
        },
      ),
      { numRuns: Number(process.env.PLAIN_HEAD_RUNS ?? 5_000) },
    );
    expect(Math.min(plain, others)).toBeGreaterThan(100);
  });
});
