import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { readBatch } from '../../src/commands/ingest/read-events.js';
import type { TenantId } from '../../src/domain/ids.js';
import type { EventTexts } from '../../src/domain/telemetry/personal-texts.js';
import { Pseudonyms } from '../../src/people/pseudonyms.js';
import { PseudonymFile } from '../../src/personkeys/embedded/pseudonym-file.js';
import { systemClock } from '../../src/platform/clock.js';
import { systemFiles } from '../../src/platform/files.js';
import { systemRandom } from '../../src/platform/random.js';
import { deriveKeys } from '../../src/platform/secrets.js';
import { batches } from '../load/events.js';
import { rate, type Figures, type Row, type Step } from '../step.js';
import { BATCH } from './batch.js';

const ROUNDS = 10;
const BODIES = 64;
const TENANT = 'ten_bench' as TenantId;

/** The load's events without whose they are: as long, under a name that says nothing of people. */
const ofNobody = (body: Buffer): Buffer => Buffer.from(body.toString().replaceAll('"user_id"', '"message"'));

/** As ingest reads a body. */
const read = (body: Buffer): EventTexts => {
  const reading = readBatch(body, 'json', { events: BATCH, now: 0 });
  if (!reading.ok) throw new Error('A body of the benchmark cannot be read.');
  return reading.received;
};

type Work = (body: Buffer) => Promise<unknown>;

/** Wall clock and CPU of this process that some work on all bodies takes, in microseconds an event. */
const costOf = async (bodies: readonly Buffer[], work: Work): Promise<{ wall: number; cpu: number }> => {
  const [started, cpu] = [performance.now(), process.cpuUsage()];
  for (const body of bodies) await work(body);
  const { user, system } = process.cpuUsage(cpu);
  const events = bodies.length * BATCH;
  return { wall: (1000 * (performance.now() - started)) / events, cpu: (user + system) / events };
};

/**
 * What it costs that telemetry names people by pseudonyms: the code that ingest runs on EventStoreDB, by itself, with the
 * store of keys in a file. A whole server would show what the imitation of EventStoreDB costs, and not this.
 */
const measure = async (): Promise<Figures> => {
  const directory = await mkdtemp(join(tmpdir(), 'pulsestream-pseudonyms-'));
  const store = await PseudonymFile.open(join(directory, 'pseudonyms'), systemFiles);
  try {
    const keys = deriveKeys(randomBytes(32).toString('base64'));
    const pseudonyms = new Pseudonyms({
      ...{ store, master: keys.people, random: systemRandom, clock: systemClock },
      hash: (field, value) => keys.pseudonym(field, value),
    });
    const people = batches(BODIES, BATCH);
    const nobody = people.map(ofNobody);
    const hide: Work = (body) => pseudonyms.hide(TENANT, read(body));
    const first = await costOf(people, hide);
    const chunks: Buffer[] = [];
    for (const body of people) chunks.push((await pseudonyms.hide(TENANT, read(body))).body.subarray(0, -1));
    const works: readonly (readonly [name: string, bodies: readonly Buffer[], work: Work])[] = [
      ['read', people, (body) => Promise.resolve(read(body))],
      ['hide_nobody', nobody, hide],
      ['hide', people, hide],
      ['show', chunks, (lines) => pseudonyms.showLines(lines)],
    ];
    const figures: Record<string, number> = { pseudonyms_first_cpu_us: first.cpu };
    for (let round = 0; round < ROUNDS; round += 1)
      // By turns: whatever else the machine does slows all of them.
      for (const [name, bodies, work] of works) {
        const { wall, cpu } = await costOf(bodies, work);
        const add = (figure: string, value: number): void => {
          figures[figure] = (figures[figure] ?? 0) + value / ROUNDS;
        };
        add(`pseudonyms_${name}_wall_us`, wall);
        add(`pseudonyms_${name}_cpu_us`, cpu);
      }
    for (const [name] of works)
      figures[`pseudonyms_${name}_events_per_second`] = 1e6 / (figures[`pseudonyms_${name}_wall_us`] ?? NaN);
    return figures;
  } finally {
    await store.close();
    await rm(directory, { recursive: true });
  }
};

export const pseudonyms: Step = {
  name: 'pseudonyms',
  what: () => 'Naming people by pseudonyms, as on EventStoreDB',
  measure,
  rows: (figures) => [
    row(figures, 'events that name nobody, read and looked through for people', 'hide_nobody'),
    row(figures, 'events that name somebody, read and given pseudonyms', 'hide'),
    row(figures, 'pseudonyms opened for who reads', 'show'),
  ],
};

const row = (figures: Figures, what: string, name: string): Row => [
  `${what}, one core`,
  rate(figures, `pseudonyms_${name}_events_per_second`),
  `${(figures[`pseudonyms_${name}_cpu_us`] ?? NaN).toFixed(2)} µs CPU an event; reading alone ${(figures['pseudonyms_read_cpu_us'] ?? NaN).toFixed(2)}`,
];
