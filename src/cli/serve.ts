import { startPulseStream } from '../main.js';
import { letHeapGrow } from '../platform/heap-growth.js';
import { configure } from './output.js';
import { announceServer, withdrawServer } from './server-address.js';

/** `serve`: runs the server until it is told to stop; then answers what it has begun, and loses nothing. */
export const serve = async (): Promise<void> => {
  const config = configure();
  letHeapGrow();
  const server = await startPulseStream(config);
  await announceServer(config.PULSESTREAM_DATA_DIR, server.url);
  console.log(welcome(server.url));
  const signal = await Promise.race([stopSignal(), server.failed]);
  await withdrawServer(config.PULSESTREAM_DATA_DIR);
  await server.close();
  if (signal instanceof Error) {
    console.error(`✖ ${signal.message}`);
    process.exitCode = 1;
  }
};

const stopSignal = (): Promise<string> =>
  new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, resolve);
  });

/** What to do next, ready to copy. */
const welcome = (url: string): string => `
PulseStream is listening on ${url}

1. Register a tenant and keep its API key (it is shown this once):

   export PULSESTREAM_API_KEY=$(curl -s ${url}/api/v1/auth/register/tenant -H 'content-type: application/json' \\
     -d '{"tenant_name":"Acme","email":"you@example.com","password":"a long enough password"}' \\
     | node -pe 'JSON.parse(require("fs").readFileSync(0)).api_key.key')

2. Send an event:

   curl -s ${url}/api/v1/ingestion/events -H "x-api-key: $PULSESTREAM_API_KEY" -H 'content-type: application/json' \\
     -d '{"type":"api_call","service":"checkout","method":"GET","path":"/orders/42","status_code":200,"duration_ms":12.7}'

3. Open ${url} and sign in with that e-mail and password.
`;
