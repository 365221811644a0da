import { START, type EventBatch } from '../event-store.js';
import { connect } from './connection.js';
import { readToEnd } from './reading.js';

/** Every record of ours that a server has, to the log's end; keeps nothing of it, and writes nothing. */
export async function* readServer(url: string): AsyncGenerator<EventBatch, void> {
  const { client } = connect(url);
  try {
    yield* readToEnd(client, START, () => true);
  } finally {
    await client.dispose();
  }
}
