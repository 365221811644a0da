import { deploymentEventTypes } from '../domain/deployment/deployment.js';
import {
  compareReadModels,
  comparePrefixes,
  inspectLater,
  isOwnActOf,
  type Finding,
  type Fingerprint,
  type ReadModelPrint,
  type Window,
} from '../domain/deployment/verification.js';
import { quarantineEventTypes } from '../domain/quarantine/quarantine.js';
import { shareOf, START, type EventLog, type Position } from '../eventstore/event-store.js';
import { typesOf, type AnyProjection } from '../projections/projection.js';
import type { CurrentQuarantines } from '../quarantine/current.js';
import { eachIntroducedBy } from '../replay/detection/introduced.js';
import { digestOf } from '../replay/digest.js';
import type { Replay } from '../replay/rebuild.js';
import { verify } from '../replay/verify.js';
import { Census, type LogPrint } from './census.js';

/** Told how much of a step is done, from 0 to 1. */
export type OnShare = (share: number) => void;

/** Something that keeps an examination from being made; it can be made again later. */
export class NotExamined extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'NotExamined';
  }
}

/** Counts and hashes the log's records up to a position. */
export const takeCensus = async (
  log: EventLog,
  through: Position,
  signal: AbortSignal,
  onShare: OnShare,
): Promise<LogPrint> => {
  const census = new Census();
  for await (const { events, position } of log.readAll(START)) {
    signal.throwIfAborted();
    for (const record of events) if (record.position <= through) census.take(record);
    onShare(shareOf(position, through));
    if (position >= through) break;
  }
  return census.print;
};

/** More of them say nothing new. */
const FINDINGS = 10_000;

/** What is wrong with a log that a deployment was under way in, and which types were recorded since it began. */
export interface LogExamination {
  readonly findings: readonly Finding[];
  /** Of what is not set aside. */
  readonly recorded: ReadonlySet<string>;
  /** How far the log was looked at. */
  readonly position: Position;
}

/**
 * Holds the log against what it was: its prefix must be the same, and only what may come later has come. What is set
 * aside is as if it had never been written.
 */
export const examineLog = async (
  { log, quarantines }: { readonly log: EventLog; readonly quarantines: Pick<CurrentQuarantines, 'sight'> },
  before: Fingerprint,
  window: Window,
  signal: AbortSignal,
  onShare: OnShare,
): Promise<LogExamination> => {
  const head = await log.head();
  const census = new Census();
  const later: Finding[] = [];
  const recorded = new Set<string>();
  let reached = START;
  for await (const { events, position } of log.readAll(START)) {
    signal.throwIfAborted();
    for (const record of events) {
      if (record.position <= before.position) {
        census.take(record);
        continue;
      }
      const findings = inspectLater(record, window, isOwnAct);
      const aside = findings.length > 0 && (await quarantines.sight(record)) === undefined;
      if (aside) continue;
      recorded.add(record.type);
      if (later.length < FINDINGS) later.push(...findings);
    }
    reached = position;
    onShare(shareOf(position, head));
    if (position >= head) break;
  }
  const prefix = comparePrefixes(before, { ...census.print, read_models: [] });
  const causes = await examineCauses(log, quarantines, window, later);
  return { findings: [...prefix, ...later, ...causes], recorded, position: reached };
};

/** What is told of a deployment's course, and by whom it may be. */
const isOwnAct = isOwnActOf(deploymentEventTypes, quarantineEventTypes);

/** Records that came in by the rules and that no client asked for all the same: by what caused them. */
const examineCauses = async (
  log: EventLog,
  quarantines: Pick<CurrentQuarantines, 'sight'>,
  { deployment_id }: Window,
  known: readonly Finding[],
): Promise<readonly Finding[]> => {
  const named = new Set(known.map(({ position }) => position));
  const findings: Finding[] = [];
  for await (const { record, found } of eachIntroducedBy(log, deployment_id)) {
    if (findings.length >= FINDINGS) break;
    const { stream, position, type, reasons } = found;
    if (named.has(position) || (await quarantines.sight(record)) === undefined) continue;
    const detail = `${type}: ${reasons.map((reason) => reason.detail).join(' ')}`;
    findings.push({ code: 'record_introduced', detail, stream, position });
  }
  return findings;
};

/** The digests of what the read models serve. */
export const printReadModels = async (
  { maintenance, clock }: Replay,
  projections: readonly AnyProjection[],
  onShare: OnShare,
): Promise<readonly ReadModelPrint[]> => {
  const prints: ReadModelPrint[] = [];
  for (const { name } of projections) {
    const print = await digestOf(maintenance, clock, name);
    if (!print) throw new NotExamined(`The read model ${name} is being rebuilt or verified; try again then.`);
    prints.push({ name, ...print });
    onShare(prints.length / projections.length);
  }
  return prints;
};

/** Holds the read models against what they were, and against a fresh replay of the log. */
export const examineReadModels = async (
  replay: Replay,
  projections: readonly AnyProjection[],
  before: readonly ReadModelPrint[],
  recorded: ReadonlySet<string>,
  signal: AbortSignal,
  onShare: OnShare,
): Promise<readonly Finding[]> => {
  const after = await printReadModels(replay, projections, () => undefined);
  const reads = new Map(projections.map((projection) => [projection.name, typesOf(projection)]));
  const names = projections.map(({ name }) => name);
  const outcomes = await verify(replay, names, {
    signal,
    onProgress: ({ share }) => {
      onShare(share);
    },
  });
  const differing = outcomes.flatMap((outcome): readonly Finding[] => {
    if (outcome.outcome !== 'verified')
      throw new NotExamined(
        `The read model ${outcome.projection} could not be replayed: ${outcome.outcome}.`,
      );
    if (outcome.equal) return [];
    const { projection, differing: count, documents } = outcome;
    const detail = `Of ${String(documents)} documents of ${projection}, ${String(count)} are not what a replay of the log makes.`;
    return [{ code: 'read_model_differs', detail }];
  });
  return [...compareReadModels(before, after, reads, recorded), ...differing];
};
