import type * as Codes from '@eventstore/db-client/generated/code_pb.js';
import type * as Features from '@eventstore/db-client/generated/serverfeatures_pb.js';
import type * as FeaturesRpc from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import type * as Gossip from '@eventstore/db-client/generated/gossip_pb.js';
import type * as GossipRpc from '@eventstore/db-client/generated/gossip_grpc_pb.js';
import type * as Shared from '@eventstore/db-client/generated/shared_pb.js';
import type * as Statuses from '@eventstore/db-client/generated/status_pb.js';
import type * as Streams from '@eventstore/db-client/generated/streams_pb.js';
import type * as StreamsRpc from '@eventstore/db-client/generated/streams_grpc_pb.js';
import type * as AnyModule from 'google-protobuf/google/protobuf/any_pb.js';
import type * as EmptyModule from 'google-protobuf/google/protobuf/empty_pb.js';
import { createRequire } from 'node:module';

/**
 * The service definitions and messages that the client package ships, loaded by path: CommonJS modules whose exports
 * the module loader cannot name.
 */
const load = createRequire(import.meta.url);
const generated = (name: string): unknown => load(`@eventstore/db-client/generated/${name}.js`);

export const streams = generated('streams_pb') as typeof Streams;
export const shared = generated('shared_pb') as typeof Shared;
export const statuses = generated('status_pb') as typeof Statuses;
export const { Code } = generated('code_pb') as typeof Codes;
export const gossip = generated('gossip_pb') as typeof Gossip;
export const features = generated('serverfeatures_pb') as typeof Features;
export const { StreamsService } = generated('streams_grpc_pb') as typeof StreamsRpc;
export const { GossipService } = generated('gossip_grpc_pb') as typeof GossipRpc;
export const { ServerFeaturesService } = generated('serverfeatures_grpc_pb') as typeof FeaturesRpc;
export const { Any } = load('google-protobuf/google/protobuf/any_pb.js') as typeof AnyModule;
export const { Empty } = load('google-protobuf/google/protobuf/empty_pb.js') as typeof EmptyModule;
