import { isStatus, malformed, type EntryOutcome } from './entry.js';
import { numberOf, objectOf, scalarOf, textOf } from './json-line.js';
import { readTime, type TimeZone } from './times.js';

/**
 * Reads a line of Envoy's JSON access log. Its operators choose the fields' names: here are those of the formats that
 * Istio and Envoy Gateway set, and the names that people give the same operators.
 */
export const parseEnvoy = (line: string, zone: TimeZone): EntryOutcome => {
  const read = objectOf(line);
  if (!read.ok) return read;
  const { fields } = read;
  const status = numberOf(fields, 'response_code', 'responseCode', 'status_code', 'status', 'code');
  const method = textOf(fields, 'method', ':method', 'request_method', 'requestMethod', 'http_method');
  if (status === undefined || method === undefined) return malformed('no access log entry of Envoy');
  if (!isStatus(status)) return malformed(`no valid status: ${status}`);
  const logged = scalarOf(fields, ['start_time', 'startTime', 'timestamp', '@timestamp', 'time', 'ts']) ?? '';
  const time = readTime(logged, zone);
  if (Number.isNaN(time)) return malformed(`no valid time: ${String(logged).slice(0, 40)}`);

  const parent = textOf(fields, 'traceparent');
  return {
    ok: true,
    entry: {
      time,
      method,
      target: textOf(
        fields,
        'path',
        ':path',
        'x-envoy-origin-path',
        'x-envoy-original-path',
        'original_path',
        'uri',
        'request_path',
      ),
      status,
      duration_ms: numberOf(fields, 'duration', 'duration_ms', 'request_duration', 'total_duration'),
      request_bytes: numberOf(fields, 'bytes_received', 'bytesReceived', 'request_bytes'),
      response_bytes: numberOf(fields, 'bytes_sent', 'bytesSent', 'response_bytes'),
      trace_id:
        textOf(fields, 'trace_id', 'traceId', 'x-b3-traceid', 'x_b3_traceid') ??
        (parent === undefined ? undefined : /^[0-9a-f]{2}-([0-9a-f]{32})-/.exec(parent)?.[1]),
      referrer: textOf(fields, 'referer', 'referrer'),
      attributes: {
        user_agent: textOf(fields, 'user_agent', 'user-agent', 'userAgent'),
        protocol: textOf(fields, 'protocol'),
        host: textOf(fields, 'authority', ':authority', 'host'),
        request_id: textOf(fields, 'request_id', 'x-request-id', 'x_request_id', 'requestId'),
        route_name: textOf(fields, 'route_name', 'routeName'),
        response_flags: textOf(fields, 'response_flags', 'responseFlags'),
        response_code_details: textOf(fields, 'response_code_details'),
        error: textOf(fields, 'upstream_transport_failure_reason', 'connection_termination_details'),
        upstream_cluster: textOf(fields, 'upstream_cluster', 'upstreamCluster'),
        upstream_ms: numberOf(
          fields,
          'upstream_service_time',
          'x-envoy-upstream-service-time',
          'x_envoy_upstream_service_time',
        ),
      },
    },
  };
};
