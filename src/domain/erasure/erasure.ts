import { accept, refuse, type Decider, type Decision } from '../decider.js';
import type { ErasureId, QuarantineId, TenantId } from '../ids.js';
import { indexRanges, numbersIn, type IndexRange } from '../index-ranges.js';
import type { Actor } from '../provenance.js';
import { readEvent, type StoredEvent } from '../stored-event.js';
import type { ChunkCut, ChunkCuts } from './cut.js';

/** The fields of a telemetry event that say whose it is. */
export const personFields = ['user_id', 'consumer'] as const;
export type PersonField = (typeof personFields)[number];

/** Whose telemetry is to be erased. */
export interface ErasureWish {
  readonly erasure_id: ErasureId;
  readonly field: PersonField;
  /** The field's value under a key of the server (HMAC-SHA-256, hexadecimal digits); the value itself stands nowhere. */
  readonly subject_hash: string;
  readonly reason?: string;
}

/** What was cut out of one chunk, all that was cut out of it before included. */
export interface CutChunk {
  readonly stream: string;
  readonly revision: number;
  readonly position: string;
  /** The numbers of the events that are gone. */
  readonly indexes: readonly IndexRange[];
  /** How many of them went with this erasure. */
  readonly events: number;
  /** Leaf hashes in hexadecimal digits: of the record as it was acknowledged, and of what is left ({@link ChunkCut}). */
  readonly leaf?: string;
  readonly left?: string | null;
}

/** What was cut out of some chunks for one erasure. */
export interface Cut {
  readonly erasure_id: ErasureId;
  /** What hides these events from the moment on that it was decided. */
  readonly quarantine_id: QuarantineId;
  readonly chunks: readonly CutChunk[];
  readonly events: number;
  /** RFC 3339. */
  readonly cut_at: string;
  /** All of this as a note that the log's key has signed (c2sp.org/signed-note); absent where it has none. */
  readonly statement?: string;
}

// Stored format: names and fields below are on disk for good. New fields are optional; a changed meaning is a new type.
export type ErasureEvent =
  | { readonly type: 'TelemetryErasureRequested'; readonly data: ErasureWish & { readonly by: Actor } }
  | { readonly type: 'TelemetryCut'; readonly data: Cut }
  | { readonly type: 'TelemetryErasureFound'; readonly data: Found }
  | { readonly type: 'TelemetryErasureCompleted'; readonly data: Completed };

interface Found {
  readonly erasure_id: ErasureId;
  /** Chunks that name the person, in files that a server keeps; absent: in none, all have pseudonyms. */
  readonly named_in?: number;
}

interface Completed {
  readonly erasure_id: ErasureId;
  /** Whether the log's files hold nothing of it any more; false where a server keeps them. */
  readonly rewritten: boolean;
  /** Where a server keeps them: whether nobody can tell any more whose it is. False: some of it is older than pseudonyms. */
  readonly unlinked?: boolean;
}

export const erasureEventTypes = [
  'TelemetryErasureRequested',
  'TelemetryCut',
  'TelemetryErasureFound',
  'TelemetryErasureCompleted',
] as const;

/** `requested`: events are looked for. `found`: all are shown nowhere. `completed`: they are out of the files, too. */
export type ErasureStatus = 'requested' | 'found' | 'completed';

export interface Erasure extends ErasureWish {
  readonly status: ErasureStatus;
  readonly requested_by: Actor;
  readonly chunks: number;
  readonly events: number;
  /** Once it is found: chunks that name the person where files are not rewritten. */
  readonly named_in?: number;
  /** Once it is completed: whether the files were rewritten. */
  readonly rewritten?: boolean;
  /** Where they are not: whether nobody can tell any more whose it is. */
  readonly unlinked?: boolean;
}

/** What a tenant asked to have erased, and what was cut so far. */
export interface Erasures {
  readonly erasures: ReadonlyMap<ErasureId, Erasure>;
  /** The events that are gone, by chunk: `stream@revision`. */
  readonly cut: ReadonlyMap<string, readonly IndexRange[]>;
}

export const placeOf = ({ stream, revision }: Pick<CutChunk, 'stream' | 'revision'>): string =>
  `${stream}@${revision}`;

export const erasureDecider: Decider<Erasures, ErasureEvent> = {
  initial: { erasures: new Map(), cut: new Map() },
  evolve: (state, event) => {
    const { erasure_id } = event.data;
    const found = state.erasures.get(erasure_id);
    const put = (erasure: Erasure): Pick<Erasures, 'erasures'> => ({
      erasures: new Map(state.erasures).set(erasure_id, erasure),
    });
    if (event.type === 'TelemetryErasureRequested') {
      const { by, ...wish } = event.data;
      return { ...state, ...put({ ...wish, status: 'requested', requested_by: by, chunks: 0, events: 0 }) };
    }
    if (!found) return state;
    switch (event.type) {
      case 'TelemetryCut': {
        const { chunks, events } = event.data;
        const cut = new Map(state.cut);
        for (const chunk of chunks) cut.set(placeOf(chunk), chunk.indexes);
        const sums = { chunks: found.chunks + chunks.length, events: found.events + events };
        return { cut, ...put({ ...found, ...sums }) };
      }
      case 'TelemetryErasureFound':
        return { ...state, ...put({ ...found, ...event.data, status: 'found' }) };
      case 'TelemetryErasureCompleted':
        return { ...state, ...put({ ...found, ...event.data, status: 'completed' }) };
    }
  },
};

/** Asks for a person's telemetry to be erased. The same wish twice is the same as once. */
export const requestErasure = (state: Erasures, wish: ErasureWish, by: Actor): Decision<ErasureEvent> =>
  state.erasures.has(wish.erasure_id)
    ? accept([])
    : accept([{ type: 'TelemetryErasureRequested', data: { ...wish, by } }]);

const notFound = refuse('erasure_not_found', 'There is no such erasure.');

/** What is to go of a chunk and is not gone yet; undefined where that is nothing. */
export const stillToCut = (
  { cut }: Erasures,
  place: Pick<CutChunk, 'stream' | 'revision'>,
  numbers: readonly number[],
): { readonly indexes: readonly IndexRange[]; readonly events: number } | undefined => {
  const gone = cut.get(placeOf(place)) ?? [];
  const known = numbersIn(gone);
  const more = numbers.filter((number) => !known.has(number));
  return more.length === 0 ? undefined : { indexes: indexRanges([...gone, ...more]), events: more.length };
};

/** Cuts events out of chunks. Each chunk must be said to lose what it lost before, too: files go by the last that is said. */
export const cutChunks = (state: Erasures, cut: Cut): Decision<ErasureEvent> => {
  const found = state.erasures.get(cut.erasure_id);
  if (!found) return notFound;
  const isStale = ({ indexes, ...place }: CutChunk): boolean => {
    const said = numbersIn(indexes);
    return [...numbersIn(state.cut.get(placeOf(place)) ?? [])].some((number) => !said.has(number));
  };
  if (cut.chunks.some(isStale))
    return refuse('cut_meanwhile', 'Other events were cut out of these chunks meanwhile.');
  return accept([{ type: 'TelemetryCut', data: cut }]);
};

/** Everything that was meant is cut. */
export const concludeSearch = (state: Erasures, conclusion: Found): Decision<ErasureEvent> => {
  const found = state.erasures.get(conclusion.erasure_id);
  if (!found) return notFound;
  return accept(found.status === 'requested' ? [{ type: 'TelemetryErasureFound', data: conclusion }] : []);
};

/** Nothing of it is left that could be taken away. */
export const completeErasure = (state: Erasures, completed: Completed): Decision<ErasureEvent> => {
  const found = state.erasures.get(completed.erasure_id);
  if (!found) return notFound;
  return accept(found.status === 'completed' ? [] : [{ type: 'TelemetryErasureCompleted', data: completed }]);
};

/** What a record says was cut; undefined where it is another kind of record. */
export const cutIn = (record: StoredEvent): Cut | undefined => {
  const event = readEvent<ErasureEvent>(['TelemetryCut'], record);
  return event?.type === 'TelemetryCut' ? event.data : undefined;
};

/** What is to be cut out of the files; of chunks in files of others nothing. */
export const cutsOf = ({ chunks }: Cut): ChunkCuts => {
  const streams = new Map<string, ChunkCut[]>();
  for (const { stream, revision, indexes, left } of chunks) {
    if (left === undefined) continue;
    const list = streams.get(stream) ?? [];
    list.push({ revision, indexes, left });
    streams.set(stream, list);
  }
  return Object.fromEntries(streams);
};

/** The first line of a statement: neither a checkpoint nor a statement of another kind begins like this. */
const STATEMENT = 'pulsestream/cut/v1';

/**
 * What is signed of a cut: a line for each thing it says, and one for each chunk
 *
 *   record <number> <leaf hash> <leaf hash of what is left, or none> <events cut> <numbers gone: 0-3,7>
 *
 * Stored format: verifiers read it.
 */
export const statementText = (
  tenant: TenantId,
  { field, subject_hash, requested_by }: Erasure,
  { erasure_id, cut_at, chunks, events }: Omit<Cut, 'statement'>,
): string =>
  [
    STATEMENT,
    `tenant ${tenant}`,
    `erasure ${erasure_id}`,
    `subject ${field} hmac-sha256:${subject_hash}`,
    `requested-by ${requested_by.kind} ${requested_by.id}`,
    `cut-at ${cut_at}`,
    `chunks ${chunks.length}`,
    `events ${events}`,
    ...chunks.map(({ position, leaf, left, events: cut, indexes }) =>
      ['record', Number.parseInt(position, 16), leaf, left ?? 'none', cut, writeIndexes(indexes)].join(' '),
    ),
    '',
  ].join('\n');

const writeIndexes = (indexes: readonly IndexRange[]): string =>
  indexes.map(([first, last]) => (first === last ? first : `${first}-${last}`)).join(',');
