const WORD = 8;
/** Stays in a processor's nearest memory. */
const BLOCK = 16_384;
/** Fewer bytes are as soon copied one by one. */
const FEW = 128;

const scratch = new Uint8Array(BLOCK + WORD);

const isShared = ({ buffer }: Uint8Array): boolean => buffer instanceof SharedArrayBuffer;

/**
 * Copies bytes to a place among others, as `into.set(from, at)` does; one of the two may be memory that threads share. V8
 * copies that word by word, and byte by byte, ten times as slowly, where one side begins at a word and the other within
 * one. Such bytes go by way of others that are not shared and stand as those do that are.
 */
export const copyBytes = (from: Uint8Array, into: Uint8Array, at: number): void => {
  const source = from.byteOffset % WORD;
  const target = (into.byteOffset + at) % WORD;
  const to_shared = isShared(into);
  if (source === target || from.length < FEW || !(to_shared || isShared(from))) {
    into.set(from, at);
    return;
  }
  const stands = to_shared ? target : source;
  for (let start = 0; start < from.length; start += BLOCK) {
    const block = from.subarray(start, start + BLOCK);
    scratch.set(block, stands);
    into.set(scratch.subarray(stands, stands + block.length), at + start);
  }
};
