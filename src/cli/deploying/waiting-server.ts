import type { DeploymentStatus } from '../../deployments/deployments.js';
import type { Config } from '../../platform/config.js';
import { operatorClient, OperatorRefused } from '../operator-client.js';
import { findServer } from '../server-address.js';
import { ServerGone, type DeployServer } from './carry-out.js';
import type { Journal } from './journal.js';

const ASK_AGAIN_MS = 250;

/** What a server answers while it starts or stops, or cannot reach its stores: that may pass. */
const passing = new Set([429, 500, 502, 503, 504]);

/**
 * The running server, found anew for each request: a deployment stops it and starts another, perhaps on another port.
 * One that does not answer is waited for.
 */
export const waitingServer = (config: Config, patience_ms: number): DeployServer => {
  const ask = async <T>(method: string, path: string, body?: object): Promise<T> => {
    const end = performance.now() + patience_ms;
    for (;;) {
      const url = await findServer(config);
      try {
        if (url !== undefined) return await (await operatorClient(url, config))<T>(method, path, body);
      } catch (error) {
        if (error instanceof OperatorRefused && !passing.has(error.status)) throw error;
      }
      if (performance.now() > end)
        throw new ServerGone(`no server has answered for ${String(patience_ms / 1000)} s`);
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
    }
  };

  /** Why it was refused, where it was. Wrong credentials are the operator's to mend, not the deployment's. */
  const request = async (path: string, body: object): Promise<string | undefined> => {
    try {
      await ask('POST', path, body);
      return undefined;
    } catch (error) {
      if (error instanceof OperatorRefused && error.status !== 401) return error.message;
      throw error;
    }
  };
  const of = ({ deployment_id, root }: Journal) => ({ deployment_id, ...(root !== undefined && { root }) });
  return {
    begin: ({ deployment_id, release, mode }) => request('/_deploy/begin', { deployment_id, release, mode }),
    status: () => ask<DeploymentStatus>('GET', '/_deploy/status'),
    verify: (journal) => request('/_deploy/verify', of(journal)),
    complete: ({ deployment_id }) => request('/_deploy/complete', { deployment_id }),
    rollBack: (journal) =>
      request('/_deploy/rollback', { ...of(journal), reason: journal.reason ?? 'asked for' }),
  };
};
