import { ByteWriter, type Compression } from './bytes.js';
import { encodeIntegers } from './integers.js';
import { LineSplitter, type Shape } from './shape.js';
import { encodeColumn } from './values.js';

/**
 * Lines of JSON, as received, encoded so that they come back byte for byte. Stored format, for good:
 *
 *   version u8 (1), method u8, number of lines varint, number of bytes varint, then
 *   plain       a blob of the bytes
 *   columns     shapes: count varint, a blob of them (each: number of values varint; for each value the piece before
 *               it (latin1), its column varint times two plus one where quoted; the last piece)
 *               for each line its shape (integers, sized)
 *               columns: count varint, each with its number of values varint and its bytes (sized, values.ts)
 */
export const VERSION = 1;
export const method = { plain: 0, columns: 1 } as const;

/** Above this share of the plain bytes it is looked whether compressing them as they are does better. */
const POOR = 0.3;

/** Encodes lines that stand one after another, a line feed between them and none behind the last. */
export const encodeLines = (bytes: Uint8Array, compression: Compression): Uint8Array => {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  const lines = new LineSplitter(text);
  for (let start = 0, end = -1; end < text.length; start = end + 1) {
    end = text.indexOf('\n', start);
    if (end < 0) end = text.length;
    lines.add(start, end);
  }
  const columns = headOf(method.columns, lines.lines.length, bytes.length, compression);
  writeColumns(lines, columns);
  if (columns.length < bytes.length * POOR) return columns.bytes();
  const plain = headOf(method.plain, lines.lines.length, bytes.length, compression);
  plain.blob(bytes);
  return plain.length < columns.length ? plain.bytes() : columns.bytes();
};

const headOf = (how: number, lines: number, bytes: number, compression: Compression): ByteWriter => {
  const out = new ByteWriter(compression);
  out.byte(VERSION);
  out.byte(how);
  out.varint(lines);
  out.varint(bytes);
  return out;
};

const writeColumns = ({ shapes, lines, columns }: LineSplitter, out: ByteWriter): void => {
  out.varint(shapes.length);
  const table = new ByteWriter(out.compression);
  for (const shape of shapes) writeShape(shape, table);
  out.blob(table.bytes());

  const sized = (write: (into: ByteWriter) => void): void => {
    const part = new ByteWriter(out.compression);
    write(part);
    out.sized(part.bytes());
  };
  sized((into) => {
    encodeIntegers(lines, into);
  });
  out.varint(columns.length);
  for (const values of columns) {
    out.varint(values.length);
    sized((into) => {
      encodeColumn(values, into);
    });
  }
};

const writeShape = ({ pieces, columns, quoted }: Shape, out: ByteWriter): void => {
  out.varint(columns.length);
  columns.forEach((column, i) => {
    out.latin1(pieces[i] ?? '');
    out.varint(column * 2 + (quoted[i] ? 1 : 0));
  });
  out.latin1(pieces[columns.length] ?? '');
};
