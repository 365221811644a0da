import type { AlertId } from '../../domain/ids.js';
import { alertStream } from '../../domain/streams.js';
import type { StreamName } from '../../eventstore/event-store.js';

const prefix = alertStream('' as AlertId);

/** The alert that a stream of alert events belongs to. */
export const alertOfStream = (stream: StreamName): AlertId => stream.slice(prefix.length) as AlertId;
