import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';

/** A window no larger than the bytes: making a larger one ready takes longer than compressing few bytes. */
const windowBits = (length: number): number =>
  Math.min(15, Math.max(9, Math.ceil(Math.log2(Math.max(1, length)))));

/**
 * Raw deflate (RFC 1951). What repeats is found, or else only how often each byte comes, whichever takes less room:
 * noise of few different bytes has no repeats worth their names.
 */
export const deflateCompression = {
  compress: (bytes: Uint8Array): Uint8Array => {
    const window = windowBits(bytes.length);
    const [plain, frequencies] = [constants.Z_DEFAULT_STRATEGY, constants.Z_HUFFMAN_ONLY].map((strategy) =>
      deflateRawSync(bytes, { level: 6, windowBits: window, memLevel: Math.min(9, window - 6), strategy }),
    );
    return plain && frequencies && plain.length <= frequencies.length ? plain : (frequencies ?? bytes);
  },
  expand: (bytes: Uint8Array, length: number): Uint8Array =>
    inflateRawSync(bytes, { maxOutputLength: Math.max(1, length), chunkSize: Math.max(64, length) }),
};
