import { readEvent } from '../../domain/stored-event.js';
import {
  makeBook,
  routeEventTypes,
  type RouteBook,
  type RouteEvent,
} from '../../domain/telemetry/routes/book.js';
import type { Learned } from '../../domain/telemetry/routes/learning.js';
import { START, type Position } from '../../eventstore/event-store.js';
import type { Document } from '../../readstore/read-store.js';
import { defineProjection } from '../projection.js';

/** What a tenant's paths are shown as. */
export interface RoutesDocument extends Document {
  /** Grows with every change; what `If-Match` is held against. */
  readonly version: number;
  readonly patterns: readonly string[];
  readonly templates: readonly (Learned & { readonly learned_at: string })[];
  /** Routes past the limit are shown as one; these are the others. */
  readonly known?: readonly string[];
  /**
   * The last change that was more than learning: what chunks before it were shown under may be neither what their
   * paths are now, nor lead there.
   */
  readonly rewritten: Position;
}

export const ROUTES_ID = 'routes';

interface RoutesPart {
  readonly event: RouteEvent;
  readonly version: number;
  readonly at: string;
}

/** The route book of each tenant, as it is now. */
export const routeBooks = defineProjection<RoutesDocument, RoutesPart>({
  name: 'routes',
  version: 1,
  reads: routeEventTypes,
  history: 'stream',
  indexes: [],
  parts: (recorded) => {
    const event = readEvent<RouteEvent>(routeEventTypes, recorded);
    const { tenant_id: tenant, recorded_at: at } = recorded.metadata;
    if (!event || tenant === undefined) return [];
    return [{ tenant, id: ROUTES_ID, part: { event, version: recorded.revision + 1, at } }];
  },
  fold: (document, { event, version, at }, { id, position }) => {
    const { patterns = [], templates = [], known, rewritten = START } = document ?? {};
    const before = { id, position, version, patterns, templates, rewritten, ...(known && { known }) };
    switch (event.type) {
      case 'RoutePatternsDefined':
        return { ...before, patterns: event.data.patterns, rewritten: position };
      case 'RouteTemplateLearned':
        return { ...before, templates: [...templates, { ...event.data, learned_at: at }] };
      case 'RoutesFrozen':
        return { ...before, known: event.data.known };
      case 'LearnedRoutesForgotten':
        return { id, position, version, patterns, templates: [], rewritten: position };
    }
  },
});

/** A document as the book that it is. */
export const bookOf = ({ patterns, templates, known }: RoutesDocument): RouteBook =>
  makeBook(patterns, templates, known);
