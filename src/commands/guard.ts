import {
  evolve,
  initial,
  permits,
  type DeploymentEvent,
  type GuardState,
  type WriteKind,
} from '../domain/deployment/deployment.js';

/** The epoch in which a command was admitted; an append holds it against the guard once more. */
export interface GuardTicket {
  readonly kind: WriteKind;
  readonly epoch: number;
}

/**
 * The deployment guard as this process knows it: the fold of the `deployments` stream.
 * Kept by the one writer, which raises it before the record that begins a deployment is appended and lowers it
 * after the one that completes it is durable. No record of an older epoch can therefore come after the begin.
 */
export class DeploymentGuard {
  #state: GuardState = initial;

  /** `forced`: `DEPLOYMENT_MODE=true` holds the guard up whatever the log says. */
  constructor(private readonly forced: boolean) {}

  get state(): GuardState {
    return this.forced && this.#state.mode === 'open' ? { ...this.#state, mode: 'strict' } : this.#state;
  }

  /** Takes an event of the deployments stream into account; older epochs change nothing. */
  apply(event: DeploymentEvent): void {
    if (event.data.epoch > this.#state.epoch) this.#state = evolve(this.#state, event);
  }

  /** Puts back the state from before an `apply` whose event did not reach the log. */
  restore(state: GuardState): void {
    this.#state = state;
  }

  /** The state without what the configuration forces. */
  get recorded(): GuardState {
    return this.#state;
  }

  /** Lets a command in, or not. */
  admit(kind: WriteKind): GuardTicket | undefined {
    return permits(this.state, kind) ? { kind, epoch: this.state.epoch } : undefined;
  }

  /** Whether a command that was let in may still write. */
  holds(ticket: GuardTicket): boolean {
    return (
      permits(this.state, ticket.kind) && (ticket.kind !== 'domain' || ticket.epoch === this.state.epoch)
    );
  }
}
