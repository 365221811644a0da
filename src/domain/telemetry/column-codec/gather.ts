import type { TextFilterBuilder } from '../query/text-filter.js';
import type { Column } from './column.js';
import type { EncodedLines } from './decode.js';
import { CHARACTERS, latin1Of, textBytesIn } from './find.js';
import { kind } from './values.js';

/** Gathers the texts in encoded lines into a filter: those of every value, since who searches them looks at each. */
export const gatherTexts = (encoded: EncodedLines, into: TextFilterBuilder): void => {
  const { columns } = encoded;
  if (columns) columns.sources.forEach((_, number) => ofColumn(columns.column(number), into));
  else into.texts(encoded.lines());
};

const ofColumn = (column: Column, into: TextFilterBuilder): void => {
  switch (column.kind) {
    case kind.dictionary:
    case kind.text:
      into.texts(textBytesIn(column));
      return;
    case kind.exceptions:
      for (const part of [column.alike, column.others]) if (part) ofColumn(part, into);
      return;
    default:
      into.pattern(latin1Of(column.prefix) + latin1Of(column.suffix) + (CHARACTERS[column.kind] ?? ''));
  }
};
