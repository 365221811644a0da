import { Server, ServerCredentials } from '@grpc/grpc-js';
import { createServer, type AddressInfo, type Server as TcpServer, type Socket } from 'node:net';
import type { IGossipServer } from '@eventstore/db-client/generated/gossip_grpc_pb.js';
import type { IServerFeaturesServer } from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import type { IStreamsServer } from '@eventstore/db-client/generated/streams_grpc_pb.js';
import { append, batchAppend, deleteStream, tombstoneStream, type Enqueue, type Job } from './appends.js';
import { Database } from './database.js';
import {
  features,
  gossip,
  GossipService,
  ServerFeaturesService,
  shared,
  StreamsService,
} from './protocol.js';
import { read, type ReadCall, type ReadResp } from './reads.js';

export interface ServerOptions {
  /** Decides, for each write that is in flight when the server is killed, whether it was stored. Default 1. */
  readonly seed?: number;
  /** The server's clock. */
  readonly now?: () => number;
}

type Injector = ReturnType<Server['createConnectionInjector']>;

/**
 * Imitates EventStoreDB 23.10 on one loopback port: what the Node client can ask of streams, with the answers that
 * were recorded from a real server. In memory; the data outlive `kill` and `start`.
 */
export class EventStoreDbServer {
  readonly database: Database;
  /** Calls by name, in the order in which they began. */
  readonly calls: string[] = [];
  #port = 0;
  #tcp: TcpServer | undefined;
  #injector: Injector | undefined;
  readonly #sockets = new Set<Socket>();
  #waiting: (() => void)[] | undefined;
  readonly #inFlight = new Set<Job>();
  /** Raised by each kill: what came in before it is not carried out after it. */
  #life = 0;
  #random: number;

  private constructor({ seed = 1, now }: ServerOptions) {
    this.database = new Database(now);
    this.#random = seed;
  }

  static async start(options: ServerOptions = {}): Promise<EventStoreDbServer> {
    const server = new EventStoreDbServer(options);
    await server.start();
    return server;
  }

  get port(): number {
    return this.#port;
  }

  /** The connection string of a client of this server. */
  get url(): string {
    return `esdb://127.0.0.1:${this.#port}?tls=false`;
  }

  get running(): boolean {
    return this.#tcp !== undefined;
  }

  /** How many writes were received and are not answered. */
  get inFlight(): number {
    return this.#inFlight.size + (this.#waiting?.length ?? 0);
  }

  /** Starts, again on the same port and with the same data after `kill`. */
  async start(): Promise<void> {
    this.#injector = this.#rpcServer().createConnectionInjector(ServerCredentials.createInsecure());
    const tcp = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => this.#sockets.delete(socket));
      this.#injector?.injectConnection(socket);
    });
    await new Promise<void>((resolve, reject) => {
      tcp.once('error', reject);
      tcp.listen(this.#port, '127.0.0.1', resolve);
    });
    this.#tcp = tcp;
    this.#port = (tcp.address() as AddressInfo).port;
  }

  /** Stops the process, as SIGSTOP does: connections stay, nothing is done. */
  pause(): void {
    this.#waiting ??= [];
  }

  /** Goes on with what came in meanwhile. */
  resume(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const work of waiting) work();
  }

  /**
   * Ends the process at once: connections are reset. Of the writes in flight some were stored and some not, as the
   * seed says; none is answered. `store: 'none'`: as a process that was paused before.
   */
  async kill({ store = 'some' }: { store?: 'some' | 'none' } = {}): Promise<void> {
    this.resume();
    const jobs = [...this.#inFlight];
    this.#inFlight.clear();
    this.#life += 1;
    for (const job of jobs) if (store === 'some' && this.#nextRandom() < 0.5) job.store();
    for (const socket of this.#sockets) socket.resetAndDestroy();
    this.#sockets.clear();
    this.#injector?.destroy();
    this.#injector = undefined;
    const tcp = this.#tcp;
    this.#tcp = undefined;
    if (tcp) await new Promise<void>((resolve) => tcp.close(() => resolve()));
  }

  #rpcServer(): Server {
    const rpc = new Server();
    const { database } = this;
    const life = this.#life;
    const enqueue: Enqueue = (job) => {
      if (life !== this.#life) return;
      this.#inFlight.add(job);
      setImmediate(() => {
        if (!this.#inFlight.delete(job)) return;
        job.store();
        job.answer();
      });
    };
    const named = (name: string, work: () => void): void => {
      this.calls.push(name);
      if (this.#waiting) this.#waiting.push(work);
      else work();
    };
    const writes: Pick<IStreamsServer, 'append' | 'batchAppend' | 'delete' | 'tombstone'> = {
      append: (call, callback) => named('Append', () => append(database, enqueue, call, callback)),
      batchAppend: (call) =>
        named('BatchAppend', () => batchAppend(database, (job) => this.#gate(job, enqueue), call)),
      delete: (call, callback) => named('Delete', () => deleteStream(database, enqueue, call, callback)),
      tombstone: (call, callback) =>
        named('Tombstone', () => tombstoneStream(database, enqueue, call, callback)),
    };
    const featuresServer: IServerFeaturesServer = {
      getSupportedMethods: (_, callback) => named('GetSupportedMethods', () => callback(null, supported())),
    };
    const gossipServer: IGossipServer = {
      read: (_, callback) => named('GossipRead', () => callback(null, this.#members())),
    };
    rpc.addService(
      { ...StreamsService, read: readMethod },
      { ...writes, read: (call: ReadCall) => named('Read', () => read(database, call)) },
    );
    rpc.addService(ServerFeaturesService, featuresServer);
    rpc.addService(GossipService, gossipServer);
    return rpc;
  }

  /** An append on a call that was open before the pause waits too. */
  #gate(job: Job, enqueue: Enqueue): void {
    if (this.#waiting) this.#waiting.push(() => enqueue(job));
    else enqueue(job);
  }

  #members(): InstanceType<typeof gossip.ClusterInfo> {
    const endPoint = new gossip.EndPoint().setAddress('127.0.0.1').setPort(this.#port);
    const id = new shared.UUID().setStructured(
      new shared.UUID.Structured()
        .setMostSignificantBits('16384')
        .setLeastSignificantBits('-9223372036854775807'),
    );
    const member = new gossip.MemberInfo()
      .setInstanceId(id)
      .setTimeStamp(String(BigInt(Date.now()) * 10_000n))
      .setState(gossip.MemberInfo.VNodeState.LEADER)
      .setIsAlive(true)
      .setHttpEndPoint(endPoint);
    return new gossip.ClusterInfo().setMembersList([member]);
  }

  /** A linear congruential generator: the order of draws alone decides. */
  #nextRandom(): number {
    this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#random / 2 ** 32;
  }
}

const readMethod = {
  ...StreamsService.read,
  responseSerialize: (message: ReadResp) =>
    Buffer.isBuffer(message) ? message : StreamsService.read.responseSerialize(message),
};

const supported = (): InstanceType<typeof features.SupportedMethods> => {
  const method = (service: string, name: string, list: string[] = []) =>
    new features.SupportedMethod()
      .setServiceName(`event_store.client.${service}`)
      .setMethodName(name)
      .setFeaturesList(list);
  return new features.SupportedMethods()
    .setEventStoreServerVersion('23.10.6')
    .setMethodsList([
      method('streams.streams', 'read', ['position', 'events']),
      method('streams.streams', 'append'),
      method('streams.streams', 'delete'),
      method('streams.streams', 'tombstone'),
      method('streams.streams', 'batchappend', ['deadline_duration']),
      method('gossip.gossip', 'read'),
      method('server_features.serverfeatures', 'getsupportedmethods'),
    ]);
};
