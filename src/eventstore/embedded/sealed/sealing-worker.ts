/** The program of the sealing thread (sealing-thread.ts): encodes one segment anew, at low priority. */
import { readlinkSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { basename } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { systemFiles } from '../../../platform/files.js';
import { sealSegment } from './seal-segment.js';
import { failureOf, type SealingMessage, type SealingTask } from './sealing-thread.js';

const say = (message: SealingMessage): void => parentPort?.postMessage(message);

/** Linux keeps a priority for each thread, others for the process as a whole: there the thread has that of all. */
const stepBack = (): void => {
  try {
    setPriority(Number(basename(readlinkSync('/proc/thread-self'))), constants.priority.PRIORITY_LOW);
  } catch {
    // It is a courtesy.
  }
};

const { segment, target, dropping } = workerData as SealingTask;
stepBack();
try {
  // What comes from another thread are bytes without a Buffer's methods.
  const own = { ...segment, chain: Buffer.from(segment.chain) };
  say({ sealed: await sealSegment(systemFiles, own, target, (share) => say({ share }), dropping) });
} catch (error) {
  say(failureOf(error));
}
