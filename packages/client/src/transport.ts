import { Agent as HttpAgent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';

export interface OutgoingRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** For the whole exchange, until the answer's last byte. */
  readonly timeout_ms: number;
  readonly signal?: AbortSignal;
}

export interface IncomingAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Sends requests; rejects where no whole answer came. */
export interface Transport {
  send(request: OutgoingRequest): Promise<IncomingAnswer>;
  close(): void;
}

/** An answer that is longer is none of this API's. */
const ANSWER_BYTES = 64 * 1024 * 1024;

/** HTTP with kept connections. One that idles does not keep the process alive. */
export const httpTransport = (connections: number): Transport => {
  const options = { keepAlive: true, maxSockets: connections, maxFreeSockets: connections };
  const agents = { 'http:': new HttpAgent(options), 'https:': new HttpsAgent(options) };
  return {
    send: ({ method, url, headers, body, timeout_ms, signal }) =>
      new Promise((resolve, reject) => {
        const [request, agent] =
          url.protocol === 'https:' ? [httpsRequest, agents['https:']] : [httpRequest, agents['http:']];
        const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
        const outgoing = request(url, {
          method,
          agent,
          headers: { ...headers, ...length },
          ...(signal && { signal }),
        });
        const timer = setTimeout(
          () => outgoing.destroy(new Error(`No answer within ${timeout_ms} ms.`)),
          timeout_ms,
        );
        const fail = (error: Error): void => {
          clearTimeout(timer);
          reject(error);
        };
        outgoing.on('error', fail);
        outgoing.on('response', (answer) => {
          const chunks: Buffer[] = [];
          let size = 0;
          answer.on('data', (chunk: Buffer) => {
            size += chunk.length;
            if (size > ANSWER_BYTES) outgoing.destroy(new Error('The answer is too long.'));
            else chunks.push(chunk);
          });
          answer.on('error', fail);
          answer.on('end', () => {
            clearTimeout(timer);
            resolve({
              status: answer.statusCode ?? 0,
              headers: answer.headers,
              body: Buffer.concat(chunks).toString(),
            });
          });
        });
        outgoing.end(body);
      }),
    close: () => {
      agents['http:'].destroy();
      agents['https:'].destroy();
    },
  };
};
