/** The program of the log's threads (log-threads.ts): work over many bytes. */
import { serveTasks } from '../../platform/thread-pool.js';
import { received, sealFrames } from './frames.js';
import type { LogTask } from './log-threads.js';

serveTasks(({ seal }: LogTask) => {
  const { bytes, starts, leaves } = sealFrames(received(seal));
  return { result: { bytes, starts, leaves }, transfer: [bytes.buffer as ArrayBuffer] };
});
