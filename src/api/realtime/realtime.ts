import type { Server as HttpServer } from 'node:http';
import { Server, type Namespace, type Socket } from 'socket.io';
import type { Subscription } from 'rxjs';
import type { TenantId } from '../../domain/ids.js';
import type { Principal } from '../../domain/tenancy/access.js';
import type { ApiServices, ConnectionStats } from '../dependencies.js';
import type { Credentials } from '../http/context.js';
import { originAllowed } from '../http/origins.js';
import { Broadcaster } from './broadcaster.js';
import { Conversation } from './conversation.js';
import { NAMESPACE, waitingBytes } from './packet.js';
import { Rooms } from './rooms.js';
import { Sessions, type Session } from './sessions.js';
import type { Topic } from './topic.js';

const MAX_MESSAGE_BYTES = 16 * 1024;
const MAX_CONNECTIONS_PER_TENANT = 20_000;

const text = (value: unknown): string | undefined =>
  typeof value === 'string' && value.length > 0 && value.length <= 8192 ? value : undefined;

const rejection = (code: string, detail: string): Error =>
  Object.assign(new Error(detail), { data: { code, detail } });

/** Socket.IO's namespace `/dashboard`: who may connect, and getting messages out without a queue growing. */
export class Realtime {
  readonly #io: Server;
  readonly #namespace: Namespace;
  readonly #sessions: Sessions;
  readonly #rooms: Rooms;
  readonly #changes: Subscription;
  #connections = 0;
  readonly #broadcaster: Broadcaster;

  constructor(
    http: HttpServer,
    private readonly api: ApiServices,
    private readonly topics: ReadonlyMap<string, Topic>,
  ) {
    this.#io = new Server(http, {
      transports: ['websocket', 'polling'],
      serveClient: false,
      maxHttpBufferSize: MAX_MESSAGE_BYTES,
      perMessageDeflate: false,
      httpCompression: false,
      connectTimeout: 10_000,
      allowRequest: (request, decide) => decide(null, originAllowed(request, api.config)),
      ...(api.config.cors_origins.length > 0 && { cors: { origin: [...api.config.cors_origins] } }),
    });
    this.#sessions = new Sessions(api);
    this.#broadcaster = new Broadcaster(api.clock);
    this.#rooms = new Rooms(api, this.#broadcaster);
    this.#namespace = this.#io.of(NAMESPACE);
    this.#namespace.use((socket, next) => {
      this.#admit(socket).then(
        () => next(),
        (error: unknown) => next(error instanceof Error ? error : new Error('not admitted')),
      );
    });
    this.#namespace.on('connection', (socket) => this.#connected(socket));
    this.#io.of('/').use((_socket, next) => next(rejection('no_such_namespace', 'Connect to /dashboard.')));
    this.#changes = api.models.changes.subscribe((change) => this.#rooms.changed(change));
  }

  stats(tenant: TenantId): ConnectionStats {
    return {
      connections: this.#sessions.count(tenant),
      connections_limit: MAX_CONNECTIONS_PER_TENANT,
      ...this.#rooms.stats(tenant),
    };
  }

  /** What this server as a whole has sent and skipped since it started, and what waits for its slowest socket. */
  get totals(): {
    readonly connections: number;
    readonly sent: number;
    readonly skipped: number;
    readonly backlog_bytes: number;
  } {
    let backlog_bytes = 0;
    for (const socket of this.#namespace.sockets.values())
      backlog_bytes = Math.max(backlog_bytes, waitingBytes(socket));
    return { connections: this.#connections, ...this.#broadcaster.totals, backlog_bytes };
  }

  close(): void {
    this.#changes.unsubscribe();
    this.#sessions.close();
    this.#rooms.close();
    this.#namespace.disconnectSockets(true);
    this.#io.engine.close();
  }

  async #admit(socket: Socket): Promise<void> {
    const credentials = this.#credentials(socket.handshake.auth);
    const principal = credentials && (await this.#authenticate(credentials));
    if (!credentials || !principal?.tenant_id)
      throw rejection('unauthenticated', 'Send a valid token, api_key or ticket in the handshake.');
    if (!principal.permissions.has('telemetry:read'))
      throw rejection('forbidden', 'This needs the permission telemetry:read.');
    if (this.#sessions.count(principal.tenant_id) >= MAX_CONNECTIONS_PER_TENANT)
      throw rejection('too_many_connections', `A tenant may have ${MAX_CONNECTIONS_PER_TENANT} connections.`);
    const session: Session = {
      id: socket.id,
      credentials,
      tenant: principal.tenant_id,
      principal,
      end: (code, detail) => {
        socket.emit('closed', { code, detail });
        socket.disconnect(true);
      },
    };
    (socket.data as { session: Session }).session = session;
  }

  async #authenticate(credentials: Credentials): Promise<Principal | undefined> {
    try {
      return await this.api.authenticator.authenticate(credentials);
    } catch (error) {
      this.api.logger.warn({ err: error }, 'a socket could not be authenticated');
      throw rejection('unavailable', 'Credentials cannot be checked now; try again.');
    }
  }

  #credentials({ token, api_key, ticket }: Record<string, unknown>): Credentials | undefined {
    const shown = { token: text(token), api_key: text(api_key), ticket: text(ticket) };
    if (shown.token !== undefined) return { bearer: shown.token };
    if (shown.api_key !== undefined) return { api_key: shown.api_key };
    return shown.ticket === undefined ? undefined : this.api.tickets.redeem(shown.ticket);
  }

  #connected(socket: Socket): void {
    const { session } = socket.data as { session: Session };
    const conversation = new Conversation(socket, session, this.#rooms, this.topics, this.api);
    this.#sessions.add(session);
    this.#connections += 1;
    socket.on('disconnect', () => {
      conversation.close();
      this.#sessions.remove(session);
      this.#connections -= 1;
    });
  }
}
