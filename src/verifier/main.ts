#!/usr/bin/env node
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readVerifierKey, type NoteKey } from '../domain/integrity/signed-note.js';
import { publicKeyOf } from './keys.js';
import type { Source } from './log.js';
import type { Problem } from './problem.js';
import { progressOf } from './progress.js';
import { sha256 } from './raw-segment.js';
import { verifyLog, type Verification } from './verify.js';
import { notesIn, type Trust, type Voucher } from './vouchers.js';

const usage = `pulsestream audit verify: checks a log against its hashes and signed checkpoints. It is a program of its own: it
imports nothing of the server, needs no library but Node, and writes nothing.

  --data DIR        the data directory, or a copy of it (default: ./data)
  --key KEY         the log's verifier key, or a file that holds it (pulsestream audit key prints it); may be repeated
                    after a change of keys. Without one the key in the data directory is used: then nothing is proven
                    against somebody who holds that directory
  --witness COPY    checkpoints that were kept elsewhere: a file, or the URL of a witness; may be repeated. Without one
                    nothing tells that the end of the log was cut off, checkpoints and all
  --witness-key KEY the verifier key of a witness that must have signed these copies; may be repeated
  --live            the log may be written to at its end meanwhile: what is unfinished there is passed over
  --json            print the result as JSON
  --help            print this

Exit codes: 0 everything checks out; 1 something does not, and it is said what and where; 2 wrong usage, or something
could not be read.`;

/** Something that the person can mend. */
class UsageError extends Error {}

const options = {
  data: { type: 'string', default: 'data' },
  key: { type: 'string', multiple: true },
  witness: { type: 'string', multiple: true },
  'witness-key': { type: 'string', multiple: true },
  live: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

const readText = (path: string): Promise<string> => readFile(path, 'utf8');

/** A key as it is handed over, or the file that it stands in. */
const readKey = async (given: string): Promise<NoteKey> => {
  const line = given.includes('+') ? given : await readText(given);
  const key = readVerifierKey(sha256, line);
  if (!key) throw new UsageError(`${given} is no verifier key`);
  return key;
};

const trustOf = async (
  data: string,
  keys: readonly string[],
  witnessKeys: readonly string[],
): Promise<Trust> => ({
  keys: await Promise.all(keys.map(readKey)),
  witness_keys: await Promise.all(witnessKeys.map(readKey)),
  ...(keys.length === 0 && { unnamed: publicKeyOf(await readText(join(data, 'keys', 'log-signing-key'))) }),
});

/** The checkpoints that a file holds, or that a witness shows of each log that is trusted. */
const copiesIn = async (place: string, { keys }: Trust): Promise<readonly Voucher[]> => {
  if (!/^https?:/.test(place))
    return notesIn(await readText(place)).map((note) => ({ note, found_in: place }));
  if (keys.length === 0) throw new UsageError('a witness is asked by the name of the log: --key is needed');
  return Promise.all(
    keys.map(async ({ name }) => {
      const origin = sha256(Buffer.from(name)).toString('hex');
      const url = `${place.replace(/\/$/, '')}/${origin}/checkpoint`;
      const response = await fetch(url, { signal: AbortSignal.timeout(30_000) });
      if (!response.ok) throw new UsageError(`${url} answered ${response.status}`);
      return { note: await response.text(), found_in: url };
    }),
  );
};

const sourceIn = async (data: string): Promise<{ readonly source: Source; readonly bytes: number }> => {
  const directory = join(data, 'log');
  const names = (await readdir(directory)).filter((name) => /^[0-9a-f]{16}\.segment$/.test(name)).sort();
  if (names.length === 0)
    throw new UsageError(
      `there is no log in ${directory} (one that EventStoreDB keeps is copied first: pulsestream audit export)`,
    );
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(directory, name))).size));
  const source = { names, read: (name: string) => readFile(join(directory, name)) };
  return { source, bytes: sizes.reduce((sum, size) => sum + size, 0) };
};

const run = async (): Promise<number> => {
  const { values } = parseArgs({ options, strict: true });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const { data, key: keys = [], witness: places = [], 'witness-key': witnessKeys = [] } = values;
  const trust = await trustOf(data, keys, witnessKeys);
  const copies = (await Promise.all(places.map((place) => copiesIn(place, trust)))).flat();
  const { source, bytes } = await sourceIn(data);
  const progress = progressOf(values.json ? undefined : process.stderr, bytes);
  const read = async (name: string): Promise<Buffer> => {
    const segment = await source.read(name);
    progress.done(segment.length);
    return segment;
  };
  const found = await verifyLog({ ...source, read }, { trust, copies, live: values.live });
  progress.end();
  const caveats = caveatsOf(found, keys.length > 0);
  if (values.json) console.log(JSON.stringify({ ...found, caveats }));
  else
    console.log(
      [summary(found), ...found.problems.map(lineOf), ...caveats.map((text) => `! ${text}`)].join('\n'),
    );
  return found.ok ? 0 : 1;
};

const number = (value: number): string => value.toLocaleString('en-GB');

const summary = ({
  ok,
  records,
  segments,
  retired,
  cut,
  root,
  checkpoints,
  covered,
  problems,
  more_problems,
}: Verification): string =>
  [
    `${ok ? '✓' : '✖'} ${number(records)} records in ${number(segments)} segments${retired > 0 ? `, the data of ${number(retired)} gone` : ''}${cut > 0 ? `, events cut out of ${number(cut)}` : ''}; root ${root}`,
    `  ${number(checkpoints.in_log)} signed checkpoints in the log and ${number(checkpoints.copies)} from outside agree with it, over ${number(covered.records)} and ${number(covered.by_copies)} records`,
    ...(ok ? [] : [`  ${number(problems.length + more_problems)} problems:`]),
  ].join('\n');

const lineOf = ({ code, segment, offset, records, detail }: Problem): string => {
  const place = [
    ...(segment === undefined
      ? []
      : [`${segment}${offset === undefined ? '' : ` at byte ${number(offset)}`}`]),
    ...(records
      ? [records[0] === records[1] ? `record ${records[0]}` : `records ${records[0]} to ${records[1]}`]
      : []),
  ].join(', ');
  return `✖ ${code}${place === '' ? '' : ` (${place})`}: ${detail}`;
};

/** What the result does not say. */
const caveatsOf = ({ records, covered, checkpoints }: Verification, keyGiven: boolean): readonly string[] => [
  ...(records > covered.records
    ? [`${number(records - covered.records)} records at the end are covered by no signed checkpoint`]
    : []),
  ...(keyGiven
    ? []
    : ['the key came from the data directory: whoever holds that could have signed anything (--key)']),
  ...(checkpoints.copies > 0
    ? []
    : [
        'no copy from outside was held against it: an end cut off, checkpoints and all, would not show (--witness)',
      ]),
];

try {
  process.exitCode = await run();
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  console.error(`✖ ${message}`);
  if (!(error instanceof UsageError)) console.error('  --help shows how it is used.');
  process.exitCode = 2;
}
