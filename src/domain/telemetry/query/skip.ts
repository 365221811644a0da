import { IdFilterBuilder } from './id-filter.js';
import type { Query } from './query.js';
import { mayBeNumber, piecesOf } from './scan.js';
import { mayBe, mayContain, type TextFilter } from './text-filter.js';

const may = (text: string, filter: TextFilter): boolean =>
  piecesOf(text).every((piece) => mayContain(filter, piece));

/** Whether a condition's text is all of a value, as it stands in JSON. */
const isWhole = ({ text, prefix }: { readonly text: string; readonly prefix: boolean }): boolean =>
  !prefix && piecesOf(text).length === 1;

/** Whether an event may meet a query whose texts all went into a filter. Never false where one does. */
export const mayMean = (query: Query, filter: TextFilter): boolean => {
  switch (query.kind) {
    case 'mentions':
      return may(query.text.toLowerCase(), filter);
    case 'is':
      // A route may be made of the path, and a number has many spellings.
      if (query.field === 'route') return true;
      if (typeof query.field === 'object' && mayBeNumber(query.text, query.prefix)) return true;
      return isWhole(query) ? mayBe(filter, query.text) : may(query.text, filter);
    case 'and':
      return query.of.every((member) => mayMean(member, filter));
    case 'or':
      return query.of.some((member) => mayMean(member, filter));
    default:
      return true;
  }
};

/** What passes a filter into which nothing went. */
const NOTHING: TextFilter = {
  ...{ alphabets: [], id_alphabets: [] },
  ids: new IdFilterBuilder().filter(),
  bits: new Uint8Array(32),
};

/** Whether filters can tell anything of a query. */
export const isFiltered = (query: Query): boolean => !mayMean(query, NOTHING);
