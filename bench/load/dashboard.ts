import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const HEAD_END = Buffer.from('\r\n\r\n');
const POSITION = Buffer.from('"position":"');
const POSITION_LENGTH = 16;
const FINAL_TEXT = 0x81;
const MASKED = 0x80;
const LENGTH_16 = 126;
const LENGTH_64 = 127;
const SHORTEST_LONG = 65_536;

/** A text of a client's, as RFC 6455 frames it: masked. */
const frameOf = (text: string): Buffer => {
  const payload = Buffer.from(text);
  const mask = randomBytes(4);
  for (const [i, byte] of payload.entries()) payload[i] = byte ^ (mask[i & 3] ?? 0);
  const head =
    payload.length < LENGTH_16
      ? Buffer.from([FINAL_TEXT, MASKED | payload.length])
      : Buffer.from([FINAL_TEXT, MASKED | LENGTH_16, payload.length >>> 8, payload.length & 0xff]);
  return Buffer.concat([head, mask, payload]);
};

/**
 * One dashboard on a websocket of its own, in as little work as can be: of an update it reads the position and nothing
 * else, since ten thousand full clients would take more of the machine than the server that is measured. It
 * understands what that server sends: unmasked texts, each in one frame.
 */
export class Dashboard {
  #received: Buffer = Buffer.alloc(0);
  #ready: (() => void) | undefined;
  /** The newest position that an update showed, and when that came; in milliseconds of `performance.now()`. */
  seen = { position: '', at: 0 };

  private constructor(
    private readonly socket: Socket,
    private readonly token: string,
    private readonly topic: string,
    private readonly onUpdate: (dashboard: Dashboard) => void,
  ) {}

  /** Connects and subscribes; resolves once the first state is there. */
  static async open(
    url: URL,
    token: string,
    topic: string,
    onUpdate: (dashboard: Dashboard) => void,
  ): Promise<Dashboard> {
    const socket = connect(Number(url.port), url.hostname);
    socket.setNoDelay(true);
    await once(socket, 'connect');
    const dashboard = new Dashboard(socket, token, topic, onUpdate);
    const ready = new Promise<void>((resolve, reject) => {
      dashboard.#ready = resolve;
      socket.on('error', reject);
      socket.on('close', () => {
        reject(new Error('The server closed a dashboard.'));
      });
    });
    ready.catch(() => undefined);
    socket.write(
      `GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: ${url.host}\r\nUpgrade: websocket\r\n` +
        `Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n` +
        `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`,
    );
    let upgraded = false;
    socket.on('data', (bytes: Buffer) => {
      dashboard.#received =
        dashboard.#received.length > 0 ? Buffer.concat([dashboard.#received, bytes]) : bytes;
      if (!upgraded) {
        const end = dashboard.#received.indexOf(HEAD_END);
        if (end < 0) return;
        upgraded = true;
        dashboard.#received = dashboard.#received.subarray(end + HEAD_END.length);
      }
      dashboard.#frames();
    });
    await ready;
    return dashboard;
  }

  close(): void {
    this.socket.destroy();
  }

  #frames(): void {
    for (;;) {
      const bytes = this.#received;
      if (bytes.length < 2) return;
      let start = 2;
      let length = bytes[1] ?? 0;
      if (length === LENGTH_16) {
        if (bytes.length < 4) return;
        length = bytes.readUInt16BE(2);
        start = 4;
      } else if (length === LENGTH_64) {
        if (bytes.length < 10) return;
        length = bytes.readUInt32BE(6);
        start = 10;
      }
      if (bytes.length < start + length) return;
      this.#message(bytes.subarray(start, start + length));
      this.#received = bytes.subarray(start + length);
    }
  }

  /** What Engine.IO (first digit) and Socket.IO (second) have in a text. */
  #message(text: Buffer): void {
    const kind = text.toString('latin1', 0, Math.min(2, text.length));
    if (kind.startsWith('0')) this.#send(`40/dashboard,${JSON.stringify({ token: this.token })}`);
    else if (kind.startsWith('2')) this.#send('3');
    else if (kind === '40')
      this.#send(`42/dashboard,${JSON.stringify(['subscribe', { topic: this.topic, params: {} }])}`);
    else if (kind === '44') throw new Error(`A dashboard was refused: ${text.toString()}`);
    else if (kind === '42') {
      const at = text.indexOf(POSITION);
      if (at < 0) return;
      const start = at + POSITION.length;
      this.seen = {
        position: text.toString('latin1', start, start + POSITION_LENGTH),
        at: performance.now(),
      };
      this.#ready?.();
      this.#ready = undefined;
      this.onUpdate(this);
    }
  }

  #send(text: string): void {
    if (text.length >= SHORTEST_LONG) throw new Error('A dashboard says less than that.');
    this.socket.write(frameOf(text));
  }
}
