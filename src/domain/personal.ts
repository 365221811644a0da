import type { Json } from './json.js';
import type { Actor, ClientOrigin } from './provenance.js';

/** Stands for what nobody can read any more, since its person was erased. No e-mail address: those have an @. */
export const ERASED = '[erased]';
/** Stands for what does not open: its key is missing, or it was changed. */
export const UNREADABLE = '[unreadable]';

/** A personal field without its content: a text, or what has the shape of one. */
export const withMarker = (field: string, marker: typeof ERASED | typeof UNREADABLE): Json =>
  field === CLIENT ? ({ address: marker } satisfies ClientOrigin) : marker;

/** The personal field of a record's provenance. */
export const CLIENT = 'client';

/** Of each type of record the fields that say something of the person whose stream it stands in. */
const fields: ReadonlyMap<string, readonly string[]> = new Map([
  ['UserRegistered', ['email', 'full_name']],
  ['PasswordSet', ['hash']],
]);
const NONE: readonly string[] = [];

/** The personal fields in the data of a record; mostly none, and none of telemetry. */
export const personalFields = (type: string): readonly string[] => fields.get(type) ?? NONE;

const USERS = 'user-';

/** Whom the personal fields in the data of a stream's records are about. */
export const personOfStream = (stream: string): string | undefined =>
  stream.startsWith(USERS) ? stream.slice(USERS.length) : undefined;

/** Whose the traces of an act are: who acts for nobody in particular has no key. */
export const personActing = ({ kind, id }: Actor): string | undefined =>
  kind === 'user' || kind === 'api_key' ? id : undefined;
