import { writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { closedLoop } from './load.mjs';
import { freePort, programOf, withServer } from './process.mjs';

const CONNECTIONS = 4;

const configuration = (directory, port, rpc_port) => `
reporting-disabled = true
bind-address = "127.0.0.1:${rpc_port}"
[meta]
  dir = "${join(directory, 'meta')}"
[data]
  dir = "${join(directory, 'data')}"
  wal-dir = "${join(directory, 'wal')}"
  query-log-enabled = false
[http]
  bind-address = "127.0.0.1:${port}"
  log-enabled = false
[monitor]
  store-enabled = false
`;

const exchange = (agent, port, path, body) =>
  new Promise((resolve, reject) => {
    const sent = request({ agent, port, host: '127.0.0.1', path, method: 'POST' }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => (text += part));
      response.on('end', () =>
        response.statusCode < 300 ? resolve(text) : reject(new Error(`${path}: ${text}`)),
      );
    });
    sent.on('error', reject);
    sent.end(body);
  });

/** An event as a line of its protocol, but for the time: what is grouped by as tags, the rest as fields. */
const lineOf = ({ service, environment, method, route, status_code, ...fields }) =>
  `events,service=${service},environment=${environment},method=${method},route=${route},status=${status_code} ` +
  `duration_ms=${fields.duration_ms},response_bytes=${fields.response_bytes}i,` +
  `user_id="${fields.user_id}",trace_id="${fields.trace_id}" `;

/** InfluxDB's `/write`, 1,000 points a request, as it comes. */
export const influxdb = async ({ seconds, bodies, events_each }) => {
  const command = programOf('influxdb', '/usr/bin/influxd');
  const rpc_port = await freePort();
  const lines = bodies.map((body) => JSON.parse(body.toString()).map(lineOf));
  return withServer(
    {
      prepare: (directory, port) =>
        writeFile(join(directory, 'influxdb.conf'), configuration(directory, port, rpc_port)),
      start: (directory) => ({ command, args: ['run', '-config', join(directory, 'influxdb.conf')] }),
      isUp: (port) => exchange(undefined, port, '/query?q=CREATE+DATABASE+bench', '').then(() => true),
    },
    async (port) => {
      const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
      try {
        // A point of the same series and time would take the place of an earlier one.
        const first = BigInt(Date.now()) * 1_000_000n;
        const load = { connections: CONNECTIONS, seconds, events_each };
        const influxdb_per_second = await closedLoop(load, (_, number) => {
          const start = String(first + BigInt(number) * 1_000_000n).slice(0, -6);
          const points = lines[number % lines.length].map(
            (line, index) => line + start + String(index).padStart(6, '0'),
          );
          return exchange(agent, port, '/write?db=bench&precision=ns', points.join('\n'));
        });
        return { influxdb_per_second };
      } finally {
        agent.destroy();
      }
    },
  );
};
