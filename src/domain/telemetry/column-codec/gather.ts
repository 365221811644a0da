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
      if (column.different?.kind === kind.hex) ofColumn(column.different, into);
      else into.texts(textBytesIn(column));
      return;
    case kind.text:
      into.texts(textBytesIn(column));
      return;
    case kind.hex: {
      const { bytes, lengths } = column.all();
      into.ids(charactersOf(column), bytes, lengths);
      return;
    }
    case kind.exceptions:
      for (const part of [column.alike, column.others]) if (part) ofColumn(part, into);
      return;
    default:
      into.pattern(charactersOf(column));
  }
};

const charactersOf = ({ prefix, suffix, kind: its_kind }: Column): string =>
  latin1Of(prefix) + latin1Of(suffix) + (CHARACTERS[its_kind] ?? '');
