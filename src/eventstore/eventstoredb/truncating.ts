import { BACKWARDS, END, NO_STREAM, type ResolvedEvent } from '@eventstore/db-client';
import type { Revision, StreamName } from '../event-store.js';
import type { Connection } from './connection.js';
import { records } from './reading.js';

/** Hides a stream's events before a revision. What the stream's metadata says besides stays; a lower bound changes nothing. */
export const truncateStream = async (
  connection: Connection,
  stream: StreamName,
  before: Revision,
  deadline: number,
): Promise<void> => {
  const { client, credentials } = connection;
  const { metadata } = await client.getStreamMetadata(stream);
  const already = metadata?.truncateBefore;
  if (typeof already === 'number' && already >= before) return;
  await client.setStreamMetadata(
    stream,
    { ...metadata, truncateBefore: before },
    { expectedRevision: await metadataRevision(connection, stream), credentials, deadline },
  );
};

/** `getStreamMetadata` gives a log position for the revision of the metadata's stream. */
const metadataRevision = async (
  { client }: Connection,
  stream: StreamName,
): Promise<bigint | typeof NO_STREAM> => {
  const read = client.readStream(`$$${stream}`, { fromRevision: END, direction: BACKWARDS, maxCount: 1 });
  for await (const { event } of records<ResolvedEvent>(read)) if (event) return event.revision;
  return NO_STREAM;
};
