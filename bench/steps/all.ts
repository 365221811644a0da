import type { Step } from '../step.js';
import { batch, open } from './batch.js';
import { dashboards } from './dashboards.js';
import { detection } from './detection.js';
import { otlp } from './otlp.js';
import { overloaded } from './overload.js';
import { overview } from './overview.js';
import { parse } from './parse.js';
import { peers } from './peers.js';
import { pseudonyms } from './pseudonyms.js';
import { push } from './push.js';
import { replay } from './replay.js';
import { rollback } from './rollback.js';
import { search } from './search.js';
import { sealing } from './sealing.js';
import { settingAside } from './setting-aside.js';
import { single } from './single.js';
import { storage } from './storage.js';
import { verify } from './verify.js';

/** What is measured on a server that runs. */
const loads: readonly Step[] = [
  parse,
  push,
  batch,
  open,
  overview,
  otlp,
  single,
  dashboards,
  overloaded,
  detection,
  pseudonyms,
];
/** What is measured on what it stored: the server is stopped by the first. */
const afterwards: readonly Step[] = [replay, verify, storage, sealing, search, settingAside, rollback];

/** Everything that can be measured, in its order. */
export const steps: readonly Step[] = [...loads, ...afterwards];

/** The same, with what others make of the same events. */
export const stepsWithPeers: readonly Step[] = [...loads, peers, ...afterwards];
