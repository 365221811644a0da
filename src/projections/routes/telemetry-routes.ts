import { telemetryStreams } from '../../domain/telemetry/address.js';
import { decodePaths } from '../../domain/telemetry/chunk.js';
import { TELEMETRY_RECORDED } from '../../domain/telemetry/stored-chunk.js';
import type { ShownRoutes } from '../projection.js';

/** Telemetry is shown under the routes of the paths that came without one. */
export const telemetryRoutes: ShownRoutes = {
  prefix: telemetryStreams,
  paths: (event) =>
    event.type === TELEMETRY_RECORDED ? decodePaths(event).values.filter((path) => path !== '') : [],
};
