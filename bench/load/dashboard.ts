import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

const HEAD_END = Buffer.from('\r\n\r\n');
const POSITION = Buffer.from('"position":"');
const POSITION_LENGTH = 16;
const FINAL_TEXT = 0x81;
const MASKED = 0x80;
const LENGTH_16 = 126;
const LENGTH_64 = 127;
const SHORTEST_LONG = 65_536;
/** So much of a message is looked at: topic, parameters and position stand before the data. */
const LOOKED_AT = 256;

/** What arrives is looked at before anything else can arrive, so all dashboards of a process share one buffer. */
const arrived = Buffer.alloc(65_536);

/** A text of a client's, as RFC 6455 frames it: masked. */
const frameOf = (text: string): Buffer => {
  const payload = Buffer.from(text);
  if (payload.length >= SHORTEST_LONG) throw new Error('A dashboard says less than that.');
  const mask = randomBytes(4);
  for (const [i, byte] of payload.entries()) payload[i] = byte ^ (mask[i & 3] ?? 0);
  const head =
    payload.length < LENGTH_16
      ? Buffer.from([FINAL_TEXT, MASKED | payload.length])
      : Buffer.from([FINAL_TEXT, MASKED | LENGTH_16, payload.length >>> 8, payload.length & 0xff]);
  return Buffer.concat([head, mask, payload]);
};

/** Where a server's frame has its payload, and how long that is; undefined where more must arrive to say so. */
const payloadOf = (bytes: Buffer): { readonly start: number; readonly length: number } | undefined => {
  const length = bytes[1];
  if (length === undefined) return undefined;
  if (length < LENGTH_16) return { start: 2, length };
  if (length < LENGTH_64) return bytes.length < 4 ? undefined : { start: 4, length: bytes.readUInt16BE(2) };
  return bytes.length < 10 ? undefined : { start: 10, length: bytes.readUInt32BE(6) };
};

/** Where a dashboard connects to, and what it follows. */
export interface Seat {
  readonly url: string;
  readonly token: string;
  readonly topic: string;
}

/**
 * One dashboard on a websocket of its own, in as little work as can be: of an update it reads the position and nothing
 * else, since ten thousand full clients would take more of the machine than the server that is measured. It
 * understands what that server sends: unmasked texts, each in one frame.
 */
export class Dashboard {
  /** The beginning of a frame of which too little has arrived. */
  #kept: Buffer | undefined;
  /** Bytes still to come of a message that has been looked at. */
  #unread = 0;
  #upgraded = false;
  #ready: (() => void) | undefined;
  /** What has come in: messages with a state, and bytes of any kind. */
  messages = 0;
  bytes = 0;
  /** The newest position that was shown. */
  position = '';

  private constructor(
    private readonly socket: Socket,
    private readonly seat: Seat,
    private readonly onUpdate: (dashboard: Dashboard) => void,
  ) {}

  /** Connects and subscribes; resolves once the first state is there. */
  static async open(seat: Seat, onUpdate: (dashboard: Dashboard) => void): Promise<Dashboard> {
    const { hostname, port, host } = new URL(seat.url);
    // What arrives in a buffer of its own for each socket would be collected all the time.
    const onread = {
      buffer: arrived,
      callback: (length: number): boolean => {
        dashboard.#take(arrived.subarray(0, length));
        return true;
      },
    };
    const socket = connect({ port: Number(port), host: hostname, noDelay: true, onread });
    const dashboard = new Dashboard(socket, seat, onUpdate);
    const ready = new Promise<void>((resolve, reject) => {
      dashboard.#ready = resolve;
      socket.on('error', reject);
      socket.on('close', () => {
        reject(new Error('The server closed a dashboard.'));
      });
    });
    socket.write(
      `GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\n` +
        `Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n` +
        `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`,
    );
    await ready;
    return dashboard;
  }

  close(): void {
    this.socket.destroy();
  }

  #take(bytes: Buffer): void {
    this.bytes += bytes.length;
    let rest = this.#kept ? Buffer.concat([this.#kept, bytes]) : bytes;
    this.#kept = undefined;
    if (!this.#upgraded) {
      const end = rest.indexOf(HEAD_END);
      this.#upgraded = end >= 0;
      if (this.#upgraded) rest = rest.subarray(end + HEAD_END.length);
    }
    while (this.#upgraded && rest.length > 0) {
      if (this.#unread === 0) {
        const payload = payloadOf(rest);
        const end = payload && payload.start + Math.min(payload.length, LOOKED_AT);
        if (!payload || end === undefined || rest.length < end) break;
        this.#message(rest.subarray(payload.start, end));
        this.#unread = payload.start + payload.length;
      }
      const passed = Math.min(this.#unread, rest.length);
      this.#unread -= passed;
      rest = rest.subarray(passed);
    }
    if (rest.length > 0) this.#kept = Buffer.from(rest);
  }

  /** What Engine.IO (first digit) and Socket.IO (second) have in a text. */
  #message(text: Buffer): void {
    const kind = text.toString('latin1', 0, Math.min(2, text.length));
    if (kind.startsWith('0')) this.#send(`40/dashboard,${JSON.stringify({ token: this.seat.token })}`);
    else if (kind.startsWith('2')) this.#send('3');
    else if (kind === '40')
      this.#send(`42/dashboard,${JSON.stringify(['subscribe', { topic: this.seat.topic, params: {} }])}`);
    else if (kind === '44') throw new Error(`A dashboard was refused: ${text.toString()}`);
    else if (kind === '42') {
      const at = text.indexOf(POSITION);
      if (at < 0) return;
      const start = at + POSITION.length;
      this.position = text.toString('latin1', start, start + POSITION_LENGTH);
      this.messages += 1;
      this.#ready?.();
      this.#ready = undefined;
      this.onUpdate(this);
    }
  }

  #send(text: string): void {
    this.socket.write(frameOf(text));
  }
}
