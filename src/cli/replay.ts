import { SYSTEM_TENANT, type TenantId } from '../domain/ids.js';
import { openOperations } from '../main.js';
import type { Config } from '../platform/config.js';
import { momentOf, type Moment } from '../replay/moments.js';
import { isOpen, ReplayRefused, type Baseline, type ReplayWanted } from '../replay/replays/replay.js';
import type { ShownReplay } from '../replay/replays/replays.js';
import { operatorClient } from './operator-client.js';
import { CliError, configure, count, print, table } from './output.js';
import { showProgress } from './progress.js';
import { findServer } from './server-address.js';

/** Where replays are carried out: by the running server, or here, on the stores themselves. */
interface Workplace {
  start(wanted: ReplayWanted): Promise<ShownReplay>;
  list(): Promise<readonly ShownReplay[]>;
  get(id: string): Promise<ShownReplay | undefined>;
  change(what: Change, id: string): Promise<ShownReplay | undefined>;
  close(): Promise<void>;
}

type Change = 'pause' | 'resume' | 'cancel';

const FOLLOW_MS = 200;

export interface StartOptions {
  readonly tenant?: readonly string[];
  readonly after?: string;
  readonly until?: string;
  readonly baseline: string;
  readonly withoutDeployment?: readonly string[];
  readonly withoutActor?: readonly string[];
  readonly withoutPosition?: readonly string[];
  readonly routePattern?: readonly string[];
  readonly detach: boolean;
  readonly json: boolean;
}

/** `replay start PROJECTION…` */
export const startReplay = (projections: readonly string[], options: StartOptions): Promise<void> =>
  atWork(async (workplace, isServer) => {
    const started = await workplace.start(wantedOf(projections, options));
    // Here it ends with this program.
    if (options.detach && isServer) show(started, options.json);
    else await followToEnd(workplace, started, options.json);
  });

/** `replay list` */
export const listReplays = (options: { json: boolean }): Promise<void> =>
  atWork(async (workplace) => {
    const replays = await workplace.list();
    print(options.json, { data: replays }, () =>
      table([
        ['replay', 'state', 'done', 'events', 'created', 'read models'],
        ...replays.map(({ id, state, progress, created_at, wanted }) => [
          id,
          state,
          `${Math.floor(100 * progress.share)} %`,
          progress.events,
          created_at,
          wanted.projections.join(' '),
        ]),
      ]),
    );
  });

/** `replay show ID`, `replay follow ID` */
export const showReplay = (id: string, options: { json: boolean; follow: boolean }): Promise<void> =>
  atWork(async (workplace) => {
    const replay = known(id, await workplace.get(id));
    if (options.follow) await followToEnd(workplace, replay, options.json);
    else show(replay, options.json);
  });

/** `replay pause|resume|cancel ID` */
export const changeReplay =
  (what: Change) =>
  (id: string, options: { json: boolean }): Promise<void> =>
    atWork(async (workplace, isServer) => {
      const replay = known(id, await workplace.change(what, id));
      if (what === 'resume' && !isServer) await followToEnd(workplace, replay, options.json);
      else show(replay, options.json);
    });

const known = (id: string, replay: ShownReplay | undefined): ShownReplay => {
  if (!replay) throw new CliError(`There is no such replay: ${id}.`, 'pulsestream replay list shows them.');
  return replay;
};

const wantedOf = (projections: readonly string[], options: StartOptions): ReplayWanted => {
  const { tenant, after, until, baseline, routePattern } = options;
  const moment = (text: string): Moment => {
    const found = momentOf(text);
    if (!found) throw new CliError(`${text} is neither a position nor an RFC 3339 time.`, undefined, 2);
    return found;
  };
  const without = {
    ...(options.withoutDeployment && { deployment_ids: options.withoutDeployment }),
    ...(options.withoutActor && { actor_ids: options.withoutActor }),
    ...(options.withoutPosition && { positions: options.withoutPosition }),
  } as NonNullable<ReplayWanted['without']>;
  return {
    projections,
    baseline: baseline as Baseline,
    ...(tenant && { tenants: tenant as readonly TenantId[] }),
    ...(after !== undefined && { after: moment(after) }),
    ...(until !== undefined && { until: moment(until) }),
    ...(Object.keys(without).length > 0 && { without }),
    ...(routePattern && { route_patterns: routePattern }),
  };
};

const followToEnd = async (workplace: Workplace, from: ShownReplay, json: boolean): Promise<void> => {
  let replay = from;
  const progress = showProgress('Replaying', 'events', 0, json);
  while (replay.state === 'queued' || replay.state === 'running') {
    await new Promise((resolve) => setTimeout(resolve, FOLLOW_MS));
    replay = known(replay.id, await workplace.get(replay.id));
    const { share, events } = replay.progress;
    progress.update(events, share > 0 ? Math.round(events / share) : events);
  }
  progress.stop();
  show(replay, json);
};

/** Shows a replay; one that failed, or found differences, is an end that a script should notice. */
const show = (replay: ShownReplay, json: boolean): void => {
  const { id, state, progress, results, error } = replay;
  const differing = results.some(
    ({ differences: { missing, surplus, changed } }) => missing + surplus + changed > 0,
  );
  if (state === 'failed' || (state === 'done' && differing)) process.exitCode = 1;
  print(json, { ok: state !== 'failed' && !differing, ...replay }, () => {
    const rate = `${count(progress.events)} events, ${count(progress.events_per_second)}/s`;
    const left = progress.seconds_left === undefined ? '' : `, ${count(progress.seconds_left)} s left`;
    const heads: Partial<Record<typeof state, string>> = {
      failed: `✖ ${id} failed: ${error ?? ''}`,
      done: `${differing ? '✖' : '✓'} ${id}: ${rate}`,
    };
    const open = isOpen(replay) ? `, ${Math.floor(100 * progress.share)} %, ${rate}${left}` : '';
    return [heads[state] ?? `${id} is ${state}${open}`, ...results.flatMap(linesOf)].join('\n');
  });
};

const linesOf = ({ projection, differences, parked }: ShownReplay['results'][number]): readonly string[] => {
  const { baseline_documents, missing, surplus, changed, first } = differences;
  const waiting = parked > 0 ? `; ${count(parked)} keys could not be folded` : '';
  if (missing + surplus + changed === 0)
    return [`  ✓ ${projection}: ${count(baseline_documents)} documents, all equal${waiting}`];
  return [
    `  ✖ ${projection}: of ${count(baseline_documents)} documents ${count(changed)} differ, ${count(missing)} are missing, ${count(surplus)} are more${waiting}`,
    ...first.flatMap(({ tenant, id, kind, changes }) => [
      `      ${kind} ${tenant} ${id}`,
      ...changes.map(({ path, baseline, candidate }) => `        ${path}: ${baseline} → ${candidate}`),
    ]),
  ];
};

const atWork = async (work: (workplace: Workplace, isServer: boolean) => Promise<void>): Promise<void> => {
  const config = configure();
  const server = await findServer(config);
  const workplace = server ? await remote(server, config) : await local(config);
  try {
    await work(workplace, server !== undefined);
  } finally {
    await workplace.close();
  }
};

/** The stores themselves, with no server running: a replay goes on in this program, and waits when it ends. */
const local = async (config: Config): Promise<Workplace> => {
  const opened = await openOperations(config);
  const { replays } = opened;
  const refusing = async <T>(asked: Promise<T>): Promise<T> => {
    try {
      return await asked;
    } catch (error) {
      if (error instanceof ReplayRefused) throw new CliError(error.message, undefined, 2);
      throw error;
    }
  };
  const operator = { kind: 'operator', id: 'operator' } as const;
  return {
    start: (wanted) => refusing(replays.start(SYSTEM_TENANT, wanted, operator)),
    list: () => replays.list(SYSTEM_TENANT),
    get: (id) => replays.get(SYSTEM_TENANT, id),
    change: (what, id) => refusing(replays[what](SYSTEM_TENANT, id)),
    close: () => opened.close(),
  };
};

/** The running server, asked with the operator's token. */
const remote = async (server: string, config: Config): Promise<Workplace> => {
  const ask = await operatorClient(server, config);
  const base = '/_ops/replays';
  const textOf = (moment: Moment): string => ('position' in moment ? moment.position : moment.time);
  return {
    start: ({ after, until, ...wanted }) =>
      ask('POST', base, {
        ...wanted,
        ...(after && { after: textOf(after) }),
        ...(until && { until: textOf(until) }),
      }),
    list: async () => (await ask<{ data: readonly ShownReplay[] }>('GET', base)).data,
    get: (id) => ask('GET', `${base}/${id}`),
    change: (what, id) => ask('POST', `${base}/${id}/${what}`),
    close: () => Promise.resolve(),
  };
};
