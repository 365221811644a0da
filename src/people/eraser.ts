import { readEvent } from '../domain/stored-event.js';
import { erasedPeopleStream } from '../domain/streams.js';
import { erasedPeopleEventTypes, type PersonErased } from '../domain/tenancy/erased-people.js';
import type { EventLog, Revision, StreamName } from '../eventstore/event-store.js';
import { InTurn } from '../platform/in-turn.js';
import type { People } from './people.js';

/** What an erasure needs besides the log. */
export interface EraserServices {
  readonly people: Pick<People, 'isErased' | 'destroyKey' | 'forget'>;
  /** Removes what is kept of a person and not sealed. */
  purge(erased: PersonErased['data']): Promise<void>;
  /** Called once the key is gone: credentials that are remembered hold no longer. */
  credentialChanged(person: string): void;
}

/**
 * Carries out the erasures that stand in the log: the record comes first, so that whoever was erased stays so, whatever
 * happens to this process and whichever copy of the keys is brought back. Appends nothing.
 */
export class Eraser {
  /** The revision from which on the stream was not looked at. */
  #next = 0;
  #started = false;
  readonly #turns = new InTurn();

  constructor(
    private readonly log: Pick<EventLog, 'readStream'>,
    private readonly services: EraserServices,
  ) {}

  /** Destroys the key of each person who was erased since this was called last; at first, of all whose key is still there. */
  carryOut(): Promise<void> {
    return this.#turns.do(() => this.#carryOut());
  }

  async #carryOut(): Promise<void> {
    const from = { from: this.#next as Revision };
    for await (const record of this.log.readStream(erasedPeopleStream as StreamName, from)) {
      const event = readEvent<PersonErased>(erasedPeopleEventTypes, record);
      if (event) await this.#erase(event.data);
      this.#next = record.revision + 1;
    }
    this.#started = true;
  }

  /** The key goes last: where it is gone, all else is. */
  async #erase(erased: PersonErased['data']): Promise<void> {
    const { people } = this.services;
    const { person_id } = erased;
    people.forget(person_id);
    if (!this.#started && (await people.isErased(person_id))) return;
    await this.services.purge(erased);
    await people.destroyKey(person_id);
    this.services.credentialChanged(person_id);
  }
}
