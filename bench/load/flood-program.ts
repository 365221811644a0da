/** Reads an {@link Flood} as JSON from its standard input, puts it on a server, and prints what came of it as JSON. */
import { text } from 'node:stream/consumers';
import { batches } from './events.js';
import { flood, type Flood } from './flood.js';

const load = JSON.parse(await text(process.stdin)) as Flood;
process.stdout.write(JSON.stringify(await flood(load, batches(32, load.batch))));
