import { EventStoreDbServer } from './server.js';

/**
 * Imitation servers in a process of their own, begun and ended by its parent's messages; ends with its parent.
 *
 *   fork(program.ts, { execArgv: ['--import', typescript.mjs] })
 */
export interface Request {
  readonly id: number;
  readonly wanted: 'begin' | 'interrupt' | 'end';
  /** Of the server meant; none to begin one. */
  readonly url?: string;
}
export interface Reply {
  readonly id: number;
  readonly url: string;
}

const servers = new Map<string, EventStoreDbServer>();

const serve = async ({ id, wanted, url = '' }: Request): Promise<Reply> => {
  if (wanted === 'begin') {
    const server = await EventStoreDbServer.start();
    servers.set(server.url, server);
    return { id, url: server.url };
  }
  const server = servers.get(url);
  await server?.kill();
  if (wanted === 'interrupt') await server?.start();
  else servers.delete(url);
  return { id, url };
};

process.on('message', (request: Request) => {
  void serve(request).then((reply) => process.send?.(reply));
});
process.on('disconnect', () => {
  process.exit();
});
