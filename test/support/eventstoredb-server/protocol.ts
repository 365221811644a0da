import { createRequire } from 'node:module';

/**
 * The service definitions and messages that the client package ships, loaded by path. They are CommonJS modules whose
 * exports the module loader cannot name.
 */
const load = createRequire(import.meta.url);

const generated = '@eventstore/db-client/generated';
export const streams = load(
  `${generated}/streams_pb.js`,
) as typeof import('@eventstore/db-client/generated/streams_pb.js');
export const shared = load(
  `${generated}/shared_pb.js`,
) as typeof import('@eventstore/db-client/generated/shared_pb.js');
export const statuses = load(
  `${generated}/status_pb.js`,
) as typeof import('@eventstore/db-client/generated/status_pb.js');
export const gossip = load(
  `${generated}/gossip_pb.js`,
) as typeof import('@eventstore/db-client/generated/gossip_pb.js');
export const features = load(
  `${generated}/serverfeatures_pb.js`,
) as typeof import('@eventstore/db-client/generated/serverfeatures_pb.js');
export const { StreamsService } = load(
  `${generated}/streams_grpc_pb.js`,
) as typeof import('@eventstore/db-client/generated/streams_grpc_pb.js');
export const { GossipService } = load(
  `${generated}/gossip_grpc_pb.js`,
) as typeof import('@eventstore/db-client/generated/gossip_grpc_pb.js');
export const { ServerFeaturesService } = load(
  `${generated}/serverfeatures_grpc_pb.js`,
) as typeof import('@eventstore/db-client/generated/serverfeatures_grpc_pb.js');
export const { Any } = load(
  'google-protobuf/google/protobuf/any_pb.js',
) as typeof import('google-protobuf/google/protobuf/any_pb.js');
export const protobuf = {
  Empty: (
    load(
      'google-protobuf/google/protobuf/empty_pb.js',
    ) as typeof import('google-protobuf/google/protobuf/empty_pb.js')
  ).Empty,
};
