import {
  evolve,
  initial,
  movesGuard,
  permits,
  type DeploymentEvent,
  type GuardEvent,
  type GuardState,
  type WriteKind,
} from '../domain/deployment/deployment.js';

/** The epoch in which a command was admitted; an append holds it against the guard once more. */
export interface GuardTicket {
  readonly kind: WriteKind;
  readonly epoch: number;
}

const newer = (state: GuardState, event: GuardEvent): GuardState =>
  event.data.epoch > state.epoch ? evolve(state, event) : state;

/**
 * The deployment guard as this process knows it: the fold of the `deployments` stream.
 * Kept by the one writer, which raises it before the record that begins a deployment is appended and lowers it
 * after the one that completes it is durable. No record of an older epoch can therefore come after the begin.
 */
export class DeploymentGuard {
  #state: GuardState = initial;
  /** Begins that are on their way to the log, or may be in it. */
  readonly #raised = new Set<GuardEvent>();

  /** `forced`: `DEPLOYMENT_MODE=true` holds the guard up whatever the log says. */
  constructor(private readonly forced: boolean) {}

  get state(): GuardState {
    let state = this.#state;
    for (const event of this.#raised) state = newer(state, event);
    return this.forced ? { ...state, mode: 'strict' } : state;
  }

  /** Takes an event of the deployments stream into account; older epochs change nothing. */
  apply(event: DeploymentEvent): void {
    if (movesGuard(event)) this.#state = newer(this.#state, event);
  }

  /** Raises the guard for a begin that is not in the log yet. */
  raise(begun: GuardEvent): void {
    this.#raised.add(begun);
  }

  /** Takes that back: the begin is in the log and applied, or is known not to be there. */
  settle(begun: GuardEvent): void {
    this.#raised.delete(begun);
  }

  /** Lets a command in, or not. */
  admit(kind: WriteKind): GuardTicket | undefined {
    return permits(this.state, kind) ? { kind, epoch: this.state.epoch } : undefined;
  }

  /** Whether a command that was let in may still write. */
  holds({ kind, epoch }: GuardTicket): boolean {
    return (
      kind !== 'nothing' && permits(this.state, kind) && (kind !== 'domain' || epoch === this.state.epoch)
    );
  }
}
