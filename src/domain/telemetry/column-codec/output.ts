import { UndecodableColumns } from './bytes.js';

/**
 * Texts are copied four bytes at a time, and up to three more than they have: what is written next covers those.
 * Room for them is kept behind whatever is read from or written to.
 */
export const MARGIN = 4;

/** Bytes that grow while they are written. */
export class Output {
  bytes: Uint8Array;
  view: DataView;

  constructor(room: number) {
    this.bytes = new Uint8Array(room + MARGIN);
    this.view = new DataView(this.bytes.buffer);
  }

  /** Makes room for so many bytes from `at` on. */
  makeRoom(at: number, count: number): void {
    if (at + count + MARGIN <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(at + count + MARGIN, 2 * this.bytes.length));
    grown.set(this.bytes);
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }
}

/** One text, to be copied often. */
export interface Text {
  readonly view: DataView;
  readonly length: number;
}

/** Many texts: each starts where the one before it ends. */
export interface Texts {
  readonly view: DataView;
  /** One more than there are texts. */
  readonly starts: Uint32Array;
}

export const latin1 = (text: string): Uint8Array => Buffer.from(text, 'latin1');

const withMargin = (bytes: Uint8Array): DataView => {
  const copied = new Uint8Array(bytes.length + MARGIN);
  copied.set(bytes);
  return new DataView(copied.buffer);
};

export const textOf = (bytes: Uint8Array): Text => ({ view: withMargin(bytes), length: bytes.length });
export const emptyText = textOf(new Uint8Array(0));

/** Throws UndecodableColumns where the lengths are not those of the bytes. */
export const textsOf = (bytes: Uint8Array, lengths: ArrayLike<number>): Texts => {
  const starts = new Uint32Array(lengths.length + 1);
  let at = 0;
  for (let i = 0; i < lengths.length; i += 1) {
    at += lengths[i] as number;
    starts[i + 1] = at;
  }
  if (at !== bytes.length) throw new UndecodableColumns('texts of another length');
  return { view: withMargin(bytes), starts };
};
export const noTexts = textsOf(new Uint8Array(0), []);

/** Copies a text and says where it ends. */
export const copy = (text: Text, out: DataView, start: number): number => {
  const { view, length } = text;
  for (let i = 0; i < length; i += 4) out.setUint32(start + i, view.getUint32(i));
  return start + length;
};

/** Copies one of some texts and says where it ends. */
export const copyText = (texts: Texts, index: number, out: DataView, start: number): number => {
  const { view, starts } = texts;
  const end = starts[index + 1] as number;
  let at = start - (starts[index] as number);
  for (let i = starts[index] as number; i < end; i += 4) out.setUint32(at + i, view.getUint32(i));
  at += end;
  return at;
};
