import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const HEAD_END = Buffer.from('\r\n\r\n');
const LENGTH = /\r\ncontent-length: *(\d+)/i;

/** A POST as the bytes that go over the wire: made once, sent many times. */
export const requestBytes = (
  url: URL,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array,
): Buffer => {
  const lines = Object.entries({ host: url.host, ...headers, 'content-length': String(body.length) });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return Buffer.concat([Buffer.from(`POST ${url.pathname}${url.search} HTTP/1.1\r\n${head}\r\n`), body]);
};

/** The same of a GET. */
export const getBytes = (url: URL, headers: Readonly<Record<string, string>>): Buffer => {
  const lines = Object.entries({ host: url.host, ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  return Buffer.from(`GET ${url.pathname}${url.search} HTTP/1.1\r\n${lines.join('')}\r\n`);
};

export interface Answer {
  readonly status: number;
  /** Status line and headers, as they came. */
  readonly head: string;
  readonly body: string;
}

/**
 * One kept HTTP connection, one exchange at a time. It understands the answers of the server that is measured and no
 * others: load and server share the machine, and a full client would take as long for a small request as the server.
 */
export class KeptConnection {
  #received: Buffer | undefined;
  #settle: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined;

  private constructor(private readonly socket: Socket) {
    socket.setNoDelay(true);
    socket.on('data', (bytes) => {
      this.#take(bytes);
    });
    const gone = (error?: Error): void => {
      this.#settle?.reject(
        error ?? new Error('The server closed a connection in the middle of an exchange.'),
      );
      this.#settle = undefined;
    };
    socket.on('error', gone);
    socket.on('close', () => {
      gone();
    });
  }

  static async open(url: URL): Promise<KeptConnection> {
    const socket = connect(Number(url.port), url.hostname);
    await once(socket, 'connect');
    return new KeptConnection(socket);
  }

  exchange(request: Buffer): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.socket.write(request);
    });
  }

  close(): void {
    this.socket.destroy();
  }

  #take(bytes: Buffer): void {
    const received = this.#received ? Buffer.concat([this.#received, bytes]) : bytes;
    this.#received = received;
    const head_end = received.indexOf(HEAD_END);
    if (head_end < 0) return;
    const head = received.toString('latin1', 0, head_end);
    const body_start = head_end + HEAD_END.length;
    const end = body_start + Number(LENGTH.exec(head)?.[1] ?? 0);
    if (received.length < end) return;
    this.#received = undefined;
    const settle = this.#settle;
    this.#settle = undefined;
    settle?.resolve({
      status: Number(head.slice(9, 12)),
      head,
      body: received.toString('utf8', body_start, end),
    });
  }
}
