import { Type } from 'typebox';
import { uuidOf, type IdKind, type IdTypes } from '../domain/ids.js';
import { done, refused, type Step } from './command.js';

/** An id from outside. What is no id at all is not there, like one that nobody has. */
export const PublicId = Type.String({ maxLength: 64 });

/** Reads an id from outside; `what` names it in the refusal, as the domain does. */
export const readId = <K extends IdKind>(kind: K, text: string, what: string = kind): Step<IdTypes[K]> =>
  uuidOf(kind, text) === undefined
    ? refused('not_found', `${what}_not_found`, `There is no such ${what.replaceAll('_', ' ')}.`)
    : done(text as IdTypes[K]);
