/** Reads an {@link Audience} as JSON from its standard input, opens it, and prints what it saw as JSON. */
import { text } from 'node:stream/consumers';
import { watch, type Audience } from './dashboards.js';

process.stdout.write(JSON.stringify(await watch(JSON.parse(await text(process.stdin)) as Audience)));
