import { readKey } from '../src/platform/secrets.js';
import type { StartedServer } from '../test/support/started-server.js';

/** Asks a server as its operator; rejects where the answer is not that it was done. */
export type Ask = <T>(method: string, path: string, body?: object) => Promise<T>;

export const operatorOf = async (server: StartedServer): Promise<Ask> => {
  const token = await readKey(server.data_directory, 'operatorToken');
  return async <T>(method: string, path: string, body?: object): Promise<T> => {
    const response = await fetch(server.url + path, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`);
    return (await response.json()) as T;
  };
};
