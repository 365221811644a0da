import type { Step } from '../step.js';
import { batch, open } from './batch.js';
import { otlp } from './otlp.js';
import { overloaded } from './overload.js';
import { overview } from './overview.js';
import { parse } from './parse.js';
import { peers } from './peers.js';
import { push } from './push.js';
import { replay } from './replay.js';
import { single } from './single.js';
import { verify } from './verify.js';

/** Everything that can be measured, in its order: the server is stopped by the last two. */
export const steps: readonly Step[] = [
  parse,
  push,
  batch,
  open,
  overview,
  otlp,
  single,
  overloaded,
  replay,
  verify,
];

/** The same, with what others make of the same events. */
export const stepsWithPeers: readonly Step[] = [...steps.slice(0, -2), peers, ...steps.slice(-2)];
