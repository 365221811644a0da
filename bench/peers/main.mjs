/**
 * Measures what PulseStream is compared with, on this machine, with the same events: `main.mjs SECONDS EVENTS` prints
 * the figures as JSON. Rows, indexes and what else they keep is theirs; each is used as its own manual has it.
 */
import { emmett } from './emmett.mjs';
import { influxdb } from './influxdb.mjs';
import { postgresql } from './postgresql.mjs';
import { NotHere } from './process.mjs';

const { batches } = await import(process.argv[2]);
const seconds = Number(process.argv[3]);
const events_each = Number(process.argv[4]);
const load = { seconds, events_each, bodies: batches(64, events_each) };

let figures = {};
for (const measure of [postgresql, influxdb, emmett])
  try {
    figures = { ...figures, ...(await measure(load)) };
  } catch (error) {
    if (!(error instanceof NotHere)) throw error;
    console.error(error.message);
  }
console.log(JSON.stringify(figures));
process.exit(0);
