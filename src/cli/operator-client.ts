import type { Config } from '../platform/config.js';
import { readKey } from '../platform/secrets.js';
import { CliError } from './output.js';

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
