import type { Config } from '../platform/config.js';
import { readKey } from '../platform/secrets.js';
import { CliError, configure } from './output.js';
import { findServer } from './server-address.js';

/** Asks a server's routes for operators; what it answers is taken for what the route says it is. */
export type OperatorClient = <T>(
  method: string,
  path: string,
  body?: object,
  headers?: Readonly<Record<string, string>>,
) => Promise<T>;

/** The server answered that it will not; `status` is HTTP's. */
export class OperatorRefused extends CliError {
  constructor(
    readonly status: number,
    detail: string,
  ) {
    super(
      detail,
      status === 401
        ? 'PULSESTREAM_OPERATOR_TOKEN, or keys/operator-token in the data directory, must be the server’s.'
        : undefined,
      status === 422 ? 2 : 1,
    );
  }
}

/** Talks to a running server with the operator's token. */
export const operatorClient = async (server: string, config: Config): Promise<OperatorClient> => {
  const token =
    config.PULSESTREAM_OPERATOR_TOKEN ?? (await readKey(config.PULSESTREAM_DATA_DIR, 'operatorToken'));
  return async <T>(method: string, path: string, body?: object, headers = {}): Promise<T> => {
    const response = await fetch(`${server}${path}`, {
      method,
      headers: {
        ...headers,
        authorization: `Bearer ${token}`,
        ...(body && { 'content-type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
    }).catch(() => {
      throw new CliError(`${server} cannot be reached.`);
    });
    const answer = (await response.json()) as T & { detail?: string };
    if (!response.ok)
      throw new OperatorRefused(
        response.status,
        answer.detail ?? `The server answered ${String(response.status)}.`,
      );
    return answer;
  };
};

/** Talks to the server that runs on this data directory. */
export const operatorOfServer = async (): Promise<OperatorClient> => {
  const config = configure();
  const address = await findServer(config);
  if (!address) throw new CliError('No server runs on this data directory.', 'Start one: pulsestream serve.');
  return operatorClient(address, config);
};

/** The query that says the parameters that are given; nothing where none is. */
export const queryOf = (parameters: Readonly<Record<string, string | undefined>>): string => {
  const given = Object.entries(parameters).filter((one): one is [string, string] => one[1] !== undefined);
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`;
};
