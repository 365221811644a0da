import type { DeploymentStatus } from '../../deployments/deployments.js';
import type { DeployOutcome, Journal } from './journal.js';

/** What a deployment acts on. Whatever of it fails or dies, the same journal can be carried out again. */
export interface DeployWorld {
  readonly server: DeployServer;
  /** Runs the deployment's command, or the one that takes it back; answers its exit code. */
  deploy(journal: Journal): Promise<number>;
  undo(journal: Journal): Promise<number>;
  /** Keeps the journal, durably. */
  keep(journal: Journal): Promise<void>;
  /** Tells what is being done. */
  tell(what: string, share?: number): void;
  pause(): Promise<void>;
}

/** The running server, whichever release of it; each call waits for one that answers. Throws {@link ServerGone}. */
export interface DeployServer {
  /** Answers why nothing was begun, where it was not. */
  begin(journal: Journal): Promise<string | undefined>;
  status(): Promise<DeploymentStatus>;
  /** These answer why they were refused, where they were. */
  verify(journal: Journal): Promise<string | undefined>;
  complete(journal: Journal): Promise<string | undefined>;
  rollBack(journal: Journal): Promise<string | undefined>;
}

/** No server has answered within the time that one may take to start. */
export class ServerGone extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ServerGone';
  }
}

/** How carrying out came to its end, or why it could not: the guard then stays up, for a person. */
export type DeployResult =
  | { readonly outcome: DeployOutcome; readonly journal: Journal }
  | { readonly outcome: 'stuck'; readonly journal: Journal; readonly why: string };

type Next = Journal | { readonly stuck: string };

/**
 * Carries a deployment out from the step in its journal to its end. Each step is done again in full where the process
 * died in it: the server's steps answer a repetition as the first time, and a command of which nobody knows how far it
 * got is taken back.
 */
export const carryOut = async (begun: Journal, world: DeployWorld): Promise<DeployResult> => {
  let journal = begun;
  for (;;) {
    if (journal.outcome) return { outcome: journal.outcome, journal };
    const next = await stepOf(journal, world);
    if ('stuck' in next) return { outcome: 'stuck', journal, why: next.stuck };
    journal = next;
    await world.keep(journal);
  }
};

const stepOf = async (journal: Journal, world: DeployWorld): Promise<Next> => {
  try {
    switch (journal.step) {
      case 'begin':
        return await begin(journal, world);
      case 'run':
        return await run(journal, world);
      case 'running':
        return undoing(journal, 'the process that deployed died while the command ran');
      case 'verify':
        return await verify(journal, world);
      case 'complete':
        return await complete(journal, world);
      case 'undo':
      case 'undoing':
        return await undo(journal, world);
      case 'roll_back':
        return await rollBack(journal, world);
      case 'done':
        return { stuck: 'The journal says that it is done, and not how.' };
    }
  } catch (error) {
    if (!(error instanceof ServerGone)) throw error;
    return journal.step === 'verify' ? undoing(journal, error.message) : { stuck: error.message };
  }
};

const undoing = (journal: Journal, reason: string): Journal => ({ ...journal, step: 'undo', reason });

const done = (journal: Journal, outcome: DeployOutcome): Journal => ({
  ...journal,
  step: 'done',
  outcome,
});

/** Waits until nothing is being done on the server for this deployment any more. */
const settled = async (world: DeployWorld): Promise<DeploymentStatus> => {
  for (;;) {
    const status = await world.server.status();
    if (!['preparing', 'verifying', 'rolling_back'].includes(status.phase)) return status;
    world.tell(`${status.phase.replace('_', ' ')}: ${status.progress?.step ?? ''}`, status.progress?.share);
    await world.pause();
  }
};

/** How the deployment ended, where it has. */
const endOf = ({ deployment_id }: Journal, { last }: DeploymentStatus): DeployOutcome | undefined => {
  if (last?.deployment_id !== deployment_id) return undefined;
  switch (last.outcome) {
    case 'completed':
      return 'deployed';
    case 'rolled_back':
      return 'rolled_back';
    case 'overridden':
      return 'ended_by_hand';
  }
};

/** How often something is asked for that the server died over. */
const TRIES = 3;

const begin = async (journal: Journal, world: DeployWorld): Promise<Next> => {
  let status: DeploymentStatus | undefined;
  for (let tries = 0; tries < TRIES; tries += 1) {
    world.tell('checking');
    const refused = await world.server.begin(journal);
    status = await settled(world);
    const end = endOf(journal, status);
    if (end) return done(journal, end);
    if (status.deployment_id !== journal.deployment_id)
      return done({ ...journal, reason: refused ?? 'The server knows nothing of it.' }, 'not_begun');
    if (status.phase === 'ready' && status.before) {
      world.tell(backedUp(status.backup));
      return { ...journal, step: 'run', root: status.before.root };
    }
  }
  const reason = status?.error ?? `it could not be prepared: ${status?.phase ?? ''}`;
  return { ...journal, step: 'roll_back', reason };
};

/** Where the backup is; of a log that is a server's, what that server's own has to hold. */
const backedUp = (backup: DeploymentStatus['backup']): string =>
  backup?.place === undefined
    ? `the log is EventStoreDB’s: its own backup has to reach position ${backup?.position ?? ''}, ${String(backup?.records ?? 0)} records with the root ${backup?.root ?? ''} (docs/deploying.md)`
    : `backed up, and read back: ${backup.place}`;

/** Asks for a verification, again where the server died over it, and waits for what it came to. */
const asked = async (
  world: DeployWorld,
  ask: () => Promise<string | undefined>,
): Promise<{ readonly refused: string | undefined; readonly status: DeploymentStatus }> => {
  const before = (await world.server.status()).verified?.at;
  for (let tries = 1; ; tries += 1) {
    const refused = await ask();
    const status = await settled(world);
    const told = status.phase === 'none' || status.verified?.at !== before;
    if (told || tries >= TRIES) return { refused, status };
  }
};

const run = async (journal: Journal, world: DeployWorld): Promise<Next> => {
  await world.keep({ ...journal, step: 'running' });
  world.tell(`running ${journal.command.join(' ')}`);
  const code = await world.deploy(journal);
  return code === 0
    ? { ...journal, step: 'verify' }
    : undoing(journal, `the command ended with ${String(code)}`);
};

const verify = async (journal: Journal, world: DeployWorld): Promise<Next> => {
  world.tell('verifying');
  const { refused, status } = await asked(world, () => world.server.verify(journal));
  const end = endOf(journal, status);
  if (end) return done(journal, end);
  if (status.phase === 'verified') return { ...journal, step: 'complete' };
  const count = status.verified?.finding_count ?? 0;
  return undoing(
    journal,
    refused ?? status.error ?? `verifying it found ${String(count)} things that must not be`,
  );
};

const complete = async (journal: Journal, world: DeployWorld): Promise<Next> => {
  world.tell('completing');
  const refused = await world.server.complete(journal);
  const end = endOf(journal, await world.server.status());
  if (end) return done(journal, end);
  return undoing(journal, refused ?? 'the server says that it has not ended');
};

const undo = async (journal: Journal, world: DeployWorld): Promise<Next> => {
  if (journal.rollback_command === undefined) return { ...journal, step: 'roll_back' };
  await world.keep({ ...journal, step: 'undoing' });
  world.tell(`rolling back: ${journal.rollback_command}`);
  const code = await world.undo(journal);
  return code === 0
    ? { ...journal, step: 'roll_back' }
    : { stuck: `The rollback command ended with ${String(code)}.` };
};

const rollBack = async (journal: Journal, world: DeployWorld): Promise<Next> => {
  world.tell('verifying that everything is as before');
  const { refused, status } = await asked(world, () => world.server.rollBack(journal));
  const end = endOf(journal, status);
  if (end) return done(journal, end);
  const count = status.verified?.finding_count ?? 0;
  const found =
    status.phase === 'rejected'
      ? `Verifying found ${String(count)} things that were not there before.`
      : 'It is not verified that everything is as before.';
  return { stuck: refused ?? status.error ?? found };
};
