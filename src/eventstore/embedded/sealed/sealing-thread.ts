import { Worker } from 'node:worker_threads';
import { errorCode } from '../../../platform/errors.js';
import type { Segment } from '../segments.js';
import type { Dropping, Sealed } from './seal-segment.js';
import type { EncodeSegment } from './sealing.js';

/** The compiled program of the thread. */
export const sealingProgram = new URL('./sealing-worker.js', import.meta.url);

/** What the thread is started with. */
export interface SealingTask {
  readonly segment: Segment;
  readonly target: string;
  readonly dropping: Dropping | undefined;
}

/** What it says. */
export type SealingMessage =
  | { readonly share: number }
  | { readonly sealed: Sealed }
  | { readonly error: { readonly message: string; readonly code: string | undefined } };

/** Encodes in a thread of its own that lasts as long as its segment: between two of them it takes no memory. */
export const encodeInThread =
  (program: URL): EncodeSegment =>
  async (segment, target, onShare, signal, dropping) => {
    const worker = new Worker(program, { workerData: { segment, target, dropping } satisfies SealingTask });
    worker.unref();
    const stop = (): void => void worker.terminate();
    signal.addEventListener('abort', stop, { once: true });
    try {
      return await new Promise<Sealed>((resolve, reject) => {
        worker.on('message', (message: SealingMessage) => {
          if ('share' in message) onShare(message.share);
          else if ('sealed' in message)
            resolve({ ...message.sealed, chain: Buffer.from(message.sealed.chain) });
          else reject(Object.assign(new Error(message.error.message), { code: message.error.code }));
        });
        worker.on('error', reject);
        worker.on('exit', () => {
          reject(new Error('The sealing thread ended before it was done.'));
        });
      });
    } finally {
      signal.removeEventListener('abort', stop);
      await worker.terminate();
    }
  };

export const failureOf = (error: unknown): SealingMessage => ({
  error: { message: error instanceof Error ? error.message : String(error), code: errorCode(error) },
});
