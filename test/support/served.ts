import { afterAll, beforeAll } from '@jest/globals';
import {
  freshData,
  postJson,
  registerTenant,
  removeData,
  runCli,
  runCliJson,
  startServer,
  type CliResult,
  type RegisteredTenant,
  type StartedServer,
} from './started-server.js';

/** A data directory, a started server on it and a tenant of it: what most tests of the whole program begin with. */
export class Served {
  #data = '';
  #server: StartedServer | undefined;
  #tenant: RegisteredTenant | undefined;

  constructor(private readonly environment: Readonly<Record<string, string>>) {}

  get data(): string {
    return this.#data;
  }

  get server(): StartedServer {
    if (!this.#server) throw new Error('the server starts before the first test, not earlier');
    return this.#server;
  }

  get tenant(): RegisteredTenant {
    if (!this.#tenant) throw new Error('the tenant is registered before the first test, not earlier');
    return this.#tenant;
  }

  get url(): string {
    return this.server.url;
  }

  async begin(): Promise<void> {
    this.#data = await freshData(this.environment);
    await this.startAgain();
    this.#tenant = await registerTenant(this.url);
  }

  /** Starts a server on the same data, once the one before has ended. */
  async startAgain(): Promise<void> {
    this.#server = await startServer(this.#data, this.environment);
  }

  async end(): Promise<void> {
    await this.#server?.stop();
    await removeData(this.#data);
  }

  /** Runs the command line on the same data directory, to its end. */
  cli(...args: readonly string[]): Promise<CliResult> {
    return runCli(this.#data, args);
  }

  /** The same for a command that prints JSON and must succeed. */
  cliJson(...args: readonly string[]): Promise<unknown> {
    return runCliJson(this.#data, args);
  }

  /** Sends events as one batch of the tenant's, and answers what the server did. */
  send(events: readonly unknown[]): Promise<unknown> {
    return postJson(`${this.url}/api/v1/ingestion/events/batch`, events, {
      'x-api-key': this.tenant.api_key,
    });
  }

  /** What a route answers to the tenant's program. */
  get(path: string): Promise<Response> {
    return fetch(this.url + path, { headers: { 'x-api-key': this.tenant.api_key } });
  }
}

/** Begins before the first test of the file or block it is called in, and ends after the last. */
export const served = (environment: Readonly<Record<string, string>> = {}): Served => {
  const on = new Served(environment);
  beforeAll(() => on.begin());
  afterAll(() => on.end());
  return on;
};
