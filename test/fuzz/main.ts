import { parseArgs } from 'node:util';
import { showProgress } from '../../src/cli/progress.js';
import { nextCase, seeded } from './bodies.js';
import { difference } from './by-parsing.js';

const help = `npm run fuzz -- [--cases N] [--seed N]

Reads generated bodies of telemetry as ingest and replay do, and by JSON.parse and the schema, and compares: what is
accepted or which fault is named, where each event is, its time, its id, and every value of its columns.
The first difference ends it, with the body.

  --cases N  how many bodies (default 1000000)
  --seed N   the same seed makes the same bodies (default 1)
  --help     this`;

const STEP = 10_000;
// Half of the time would go into describing where JSON.parse was called.
Error.stackTraceLimit = 0;

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
    help: { type: 'boolean', default: false },
  },
});
const cases = Number(values.cases);
const seed = Number(values.seed);

const run = (): void => {
  const random = seeded(seed);
  const progress = showProgress('Comparing', 'bodies', cases, false);
  const started = performance.now();
  try {
    for (let done = 0; done < cases; done += 1) {
      const one = nextCase(random);
      const wrong = difference(one);
      if (wrong !== undefined) {
        console.error(
          `\nBody ${String(done)} of seed ${String(seed)}, as ${one.form}, sent at ${String(one.sent_at)}: ${wrong}`,
        );
        console.error(JSON.stringify(one.body.toString('latin1')));
        process.exitCode = 1;
        return;
      }
      if (done % STEP === 0) progress.update(done);
    }
  } finally {
    progress.stop();
  }
  const seconds = (performance.now() - started) / 1000;
  console.log(
    `${String(cases)} bodies of seed ${String(seed)} read the same both ways, in ${seconds.toFixed(0)} s`,
  );
};

if (values.help) console.log(help);
else if (Number.isSafeInteger(cases) && cases > 0 && Number.isSafeInteger(seed)) run();
else {
  console.error(`--cases and --seed are whole numbers.\n\n${help}`);
  process.exitCode = 2;
}
