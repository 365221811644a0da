import { fromBody, toBody } from '../body.js';
import type { Document } from '../read-store.js';

/*
 * A stored document: its index entries' keys, its text, its byte arrays; each with its length in front, all of it in
 * little-endian 32-bit numbers. The keys stand first, so that replacing a document need not read the rest of it.
 */
const LENGTH = 4;

const sizeOf = (part: Uint8Array | string): number =>
  typeof part === 'string' ? Buffer.byteLength(part) : part.length;

const framed = (parts: readonly (Uint8Array | string)[]): Buffer => {
  const frame = Buffer.allocUnsafe(parts.reduce((sum, part) => sum + LENGTH + sizeOf(part), LENGTH));
  let at = frame.writeUInt32LE(parts.length, 0);
  for (const part of parts) {
    const start = at + LENGTH;
    if (typeof part === 'string') at = start + frame.write(part, start);
    else {
      frame.set(part, start);
      at = start + part.length;
    }
    frame.writeUInt32LE(at - start, start - LENGTH);
  }
  return frame;
};

const partsOf = (frame: Buffer): Buffer[] => {
  const parts: Buffer[] = [];
  let at = LENGTH;
  for (let left = frame.readUInt32LE(0); left > 0; left -= 1) {
    const start = at + LENGTH;
    at = start + frame.readUInt32LE(at);
    parts.push(frame.subarray(start, at));
  }
  return parts;
};

/** What is stored of a document; `entries` are the keys under which indexes name it. */
export const encodeDocument = (document: Document, entries: readonly Buffer[]): Buffer => {
  const { text, bytes } = toBody(document);
  return framed([framed(entries), text, ...bytes]);
};

/** The document; its bytes are views of what was stored. */
export const decodeDocument = (stored: Buffer): Document => {
  const [, text = Buffer.alloc(0), ...bytes] = partsOf(stored);
  return fromBody({ text: text.toString(), bytes: bytes.map(plainView) });
};

/** Documents hold plain arrays of bytes, not buffers. */
const plainView = ({ buffer, byteOffset, length }: Buffer): Uint8Array =>
  new Uint8Array(buffer, byteOffset, length);

/** The keys under which indexes name a stored document. */
export const entriesOf = (stored: Buffer): readonly Buffer[] => {
  const start = 2 * LENGTH;
  return partsOf(stored.subarray(start, start + stored.readUInt32LE(LENGTH)));
};
