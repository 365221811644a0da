/** The program of the thread that makes runs (run-thread.ts). */
import { serveTasks, type Done } from '../../platform/thread-pool.js';
import { runFiles } from './run-files.js';
import type { RunTask } from './run-thread.js';

serveTasks(async (task: RunTask): Promise<Done> => {
  const result = await ('make' in task ? runFiles.make(task.make) : runFiles.read(task.read));
  if (!result) return { result };
  return { result, transfer: [result.directory, result.filter].map(({ buffer }) => buffer as ArrayBuffer) };
});
