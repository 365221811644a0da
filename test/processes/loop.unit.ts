import { expect, it } from '@jest/globals';
import { Loop } from '../../src/processes/loop.js';

it('runs once at a time, ends when it is told to, and can be started again', async () => {
  const began: AbortSignal[] = [];
  let ended = 0;
  const loop = new Loop(async (signal) => {
    began.push(signal);
    await new Promise((resolve) => {
      signal.addEventListener('abort', resolve);
    });
    ended += 1;
  });
  await loop.stop();
  expect([loop.isRunning, began.length]).toEqual([false, 0]);
  loop.start();
  loop.start();
  expect([loop.isRunning, began.length]).toEqual([true, 1]);
  await Promise.all([loop.stop(), loop.stop()]);
  expect([loop.isRunning, ended, began[0]?.aborted]).toEqual([false, 1, true]);
  loop.start();
  expect([loop.isRunning, began.length]).toEqual([true, 2]);
  await loop.stop();
});
