import { leafHash, sealFrame } from './format.js';
import type { LentMemory } from './lent-memory.js';

/** Frames in a row, and where each of them starts. */
export interface Frames {
  readonly bytes: Buffer;
  readonly starts: Uint32Array;
  /** What the bytes stand in, where that is used again. */
  readonly memory?: LentMemory;
}

/** Frames with their checksums, and their records' leaf hashes in a row. */
export interface SealedFrames extends Frames {
  readonly leaves: Buffer;
}

/** Frames that came from another thread: a Buffer arrives as a plain array of bytes. */
export const received = ({ bytes, starts }: Frames): Frames => ({
  bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
  starts,
});

/** Puts the checksum into each frame and makes the leaf hashes. */
export const sealFrames = (frames: Frames): SealedFrames => {
  const { bytes, starts } = frames;
  const leaves = Array.from(starts, (at) => {
    sealFrame(bytes, at);
    return leafHash(bytes, at);
  });
  return { ...frames, leaves: Buffer.concat(leaves) };
};

/** Frames one after another, as one piece. */
export const joinFrames = (all: readonly Frames[]): Frames => {
  const [only] = all;
  if (only && all.length === 1) return only;
  const starts = new Uint32Array(all.reduce((sum, frames) => sum + frames.starts.length, 0));
  let before = 0;
  let i = 0;
  for (const frames of all) {
    for (const start of frames.starts) starts[i++] = before + start;
    before += frames.bytes.length;
  }
  return {
    bytes: Buffer.concat(
      all.map(({ bytes }) => bytes),
      before,
    ),
    starts,
  };
};
