/** The program of the threads that look through chunks (sifting.ts). */
import { systemFiles } from '../../platform/files.js';
import { serveTasks } from '../../platform/thread-pool.js';
import { siftSegment, type SiftTask } from './sift-segment.js';

serveTasks(async ({ segment, ...task }: SiftTask) => {
  // What comes from another thread are bytes without a Buffer's methods.
  const own = { ...segment, chain: Buffer.from(segment.chain) };
  return { result: await siftSegment(systemFiles, { ...task, segment: own }) };
});
