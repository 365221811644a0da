/** The program of the log's threads (log-threads.ts): work over many bytes. */
import { systemFiles } from '../../platform/files.js';
import { serveTasks, type Done } from '../../platform/thread-pool.js';
import { checkSegment, type SegmentCheck } from './check-segment.js';
import { received, sealFrames, type Frames } from './frames.js';
import type { LogTask, Sealed } from './log-threads.js';

const seal = (frames: Frames): Done => {
  const { leaves, ...moved } = sealFrames(received(frames));
  const { buffer } = moved.bytes;
  if (!(buffer instanceof ArrayBuffer)) return { result: { leaves } satisfies Sealed };
  return { result: { leaves, moved } satisfies Sealed, transfer: [buffer] };
};

const check = async ({ segment, ...task }: SegmentCheck): Promise<Done> => {
  const file = await systemFiles.open(segment.path, 'scan');
  try {
    const chain = Buffer.from(segment.chain);
    return { result: await checkSegment({ ...task, segment: { ...segment, chain } }, file) };
  } finally {
    await file.close();
  }
};

serveTasks((task: LogTask) => ('seal' in task ? seal(task.seal) : check(task.check)));
