import { STATUS_CODES, validateHeaderValue, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../../platform/clock.js';
import { clientAddress } from './origins.js';
import { readPlainHead, type PlainHead } from './plain-head.js';
import type { Route } from './route.js';
import type { Reply, Wire } from './wire.js';

/**
 * As much as a request may have that is read here. A larger one gains nothing by it, and what is half here has been let in by nobody:
 * of ten thousand connections these are 160 MB, for a second.
 */
const LARGEST = 16 * 1024;
/** How long the rest of a body may take to come before node:http waits for it. */
const PATIENCE_MS = 1_000;
/** Where the sender stops in the middle of a request; as node says it. */
const CUT_OFF = 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n';

const NO_PARAMS = {};

interface PlainRequestsOptions {
  /** By their path, with POST. */
  readonly routes: ReadonlyMap<string, Route>;
  /** How many reverse proxies stand in front. */
  readonly trust_proxy: number;
  readonly patience_ms?: number;
}

/**
 * Reads plain requests for a few routes off their connections and answers them, as node:http would for twice the time.
 * A request is read here where its head is plain and the whole of it soon here. At the first that is not, the connection goes
 * to node:http with every byte that is not answered, and stays there: what is slow, large or unusual is node's, and
 * nothing is read here that two readers could take for different things.
 */
export class PlainRequests {
  readonly #connections = new Set<Connection>();

  /** Takes the server's connections from now on; the server gets those that are handed to it. */
  constructor(http: Server, wire: Wire, clock: Pick<Clock, 'now'>, options: PlainRequestsOptions) {
    const handlers = http.listeners('connection');
    const common: Common = {
      wire,
      patience_ms: PATIENCE_MS,
      ...options,
      endOfHead: endsOfHeads(http, clock),
      handOver: (socket) => {
        for (const handler of handlers) Reflect.apply(handler, http, [socket]);
      },
      forget: (connection) => void this.#connections.delete(connection),
    };
    http.removeAllListeners('connection').on('connection', (socket) => {
      socket.setTimeout(http.keepAliveTimeout);
      this.#connections.add(new Connection(socket, common));
    });
  }

  /** Ends the connections on which nothing is under way, as the server's own method does with those that it has. */
  closeIdleConnections(): void {
    for (const connection of this.#connections) if (connection.idle) connection.abandon();
  }

  closeAllConnections(): void {
    for (const connection of this.#connections) connection.abandon();
  }
}

/** What node:http puts at the end of every answer's head. */
const endsOfHeads = ({ keepAliveTimeout }: Server, clock: Pick<Clock, 'now'>): Common['endOfHead'] => {
  const stay = `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(keepAliveTimeout / 1000)}\r\n\r\n`;
  let date = '';
  let date_second = NaN;
  return (last) => {
    const now = clock.now();
    const second = Math.floor(now / 1000);
    if (second !== date_second) {
      date_second = second;
      date = `Date: ${new Date(now).toUTCString()}\r\n`;
    }
    return date + (last ? '\r\n' : stay);
  };
};

/** What all connections have in common. */
interface Common extends Required<PlainRequestsOptions> {
  readonly wire: Wire;
  readonly endOfHead: (last: boolean) => string;
  readonly handOver: (socket: Socket) => void;
  readonly forget: (connection: Connection) => void;
}

/** One connection, with one request at a time; what comes behind it waits. */
class Connection implements Reply {
  /** What was received of requests that are not begun. */
  #bytes: Buffer | undefined;
  /** Of the request at their beginning, where its body is not whole. */
  #head: PlainHead | undefined;
  #late: NodeJS.Timeout | undefined;
  /** A request is being carried out, or its answer taken away. */
  #busy = false;
  /** The other side sends no more. */
  #ended = false;

  constructor(
    private readonly socket: Socket,
    private readonly common: Common,
  ) {
    socket.on('data', this.#onData).on('end', this.#onEnd).on('timeout', this.#onTimeout);
    socket.on('error', this.#onError).on('close', this.#onClose);
  }

  get idle(): boolean {
    return !this.#busy && !this.#bytes;
  }

  send(status: number, headers: string[], content: Uint8Array | string | undefined, last: boolean): void {
    const { socket, common } = this;
    if (socket.destroyed) return;
    if (last) headers.push('Connection', 'close');
    let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`;
    for (let i = 0; i < headers.length; i += 2) {
      const name = headers[i] ?? '';
      const value = headers[i + 1] ?? '';
      validateHeaderValue(name, value);
      head += `${name}: ${value}\r\n`;
    }
    head += common.endOfHead(last);
    const taken =
      typeof content === 'object' ? this.#write(head, content) : socket.write(head + (content ?? ''));
    if (last) socket.destroySoon();
    else if (taken) this.#goOn();
    else socket.once('drain', () => this.#goOn());
  }

  abandon(): void {
    this.socket.destroy();
  }

  #write(head: string, content: Uint8Array): boolean {
    this.socket.cork();
    this.socket.write(head, 'latin1');
    const taken = this.socket.write(content);
    this.socket.uncork();
    return taken;
  }

  #goOn(): void {
    this.#busy = false;
    if (this.socket.isPaused()) this.socket.resume();
    if (this.#bytes) this.#read(this.#bytes);
    else if (this.#ended) this.socket.end();
  }

  #read(bytes: Buffer): void {
    const head = this.#head ?? readPlainHead(bytes);
    const route = head && this.common.routes.get(head.path);
    const size = head ? head.head_bytes + head.body_bytes : Infinity;
    if (!head || !route || size > LARGEST) this.#handOver();
    else if (size > bytes.length) {
      this.#head = head;
      this.#late ??= setTimeout(() => this.#handOver(), this.common.patience_ms).unref();
      if (this.#ended) this.socket.end(CUT_OFF);
    } else {
      this.#head = undefined;
      clearTimeout(this.#late);
      this.#late = undefined;
      this.#bytes = size < bytes.length ? bytes.subarray(size) : undefined;
      this.#busy = true;
      this.#serve(route, head, bytes.subarray(head.head_bytes, size));
    }
  }

  #serve(route: Route, { headers, url }: PlainHead, body: Buffer): void {
    const ip = clientAddress({ headers, socket: this.socket }, this.common.trust_proxy);
    void this.common.wire.serve(route, { headers, body, url, params: NO_PARAMS, ip }, this);
  }

  #handOver(): void {
    const { socket, common } = this;
    this.#leave();
    // Node would wait for an end that has been.
    if (this.#ended) {
      socket.destroySoon();
      return;
    }
    socket.off('data', this.#onData).off('end', this.#onEnd).off('timeout', this.#onTimeout);
    socket.off('error', this.#onError).off('close', this.#onClose);
    socket.setTimeout(0);
    // Paused, so that what goes back comes out again first, and to those who listen then.
    socket.pause();
    if (this.#bytes) socket.unshift(this.#bytes);
    common.handOver(socket);
    socket.resume();
  }

  #leave(): void {
    clearTimeout(this.#late);
    this.common.forget(this);
  }

  readonly #onData = (received: Buffer): void => {
    const bytes = this.#bytes ? Buffer.concat([this.#bytes, received]) : received;
    this.#bytes = bytes;
    if (!this.#busy) this.#read(bytes);
    else if (bytes.length > LARGEST) this.socket.pause();
  };

  readonly #onEnd = (): void => {
    this.#ended = true;
    if (!this.#busy) this.socket.end(this.#bytes ? CUT_OFF : '');
  };

  readonly #onTimeout = (): void => {
    if (this.idle) this.socket.destroy();
  };

  /** Closing follows. */
  readonly #onError = (): void => undefined;

  readonly #onClose = (): void => this.#leave();
}
