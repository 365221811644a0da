import type { Json, JsonObject } from '../../domain/json.js';
import type { Register } from '../../readstore/read-store.js';
import type { Clock } from '../../platform/clock.js';
import type { CommandRefusal, CommandResult } from '../handle.js';
import type { Instance } from '../writer.js';

/** A request with an `Idempotency-Key`: what names it in its scope, and what tells its body from another's; hashes. */
export interface Keyed {
  readonly key: string;
  readonly body: string;
}

/** How long an answer is kept at least. */
const KEPT_MS = 48 * 3_600_000;
/** A claim that is not answered after this long was left behind by a process that ended. */
const ABANDONED_MS = 60_000;

/** Stored in the register under the request's key. */
interface Claim {
  readonly body: string;
  readonly at: number;
  /** The process that carries it out, by name. */
  readonly by: string;
  /** Absent while the request is being carried out. */
  readonly answer?: JsonObject;
}

type Success<R> = Extract<CommandResult<R>, { ok: true }>;

const inFlight: CommandRefusal = {
  kind: 'conflict',
  code: 'idempotency_key_in_flight',
  detail: 'The first request with this Idempotency-Key is still being carried out.',
  retry_after_seconds: 1,
};

const otherBody: CommandRefusal = {
  kind: 'unprocessable',
  code: 'idempotency_key_reused',
  detail: 'This Idempotency-Key was used with another body.',
};

/**
 * Answers the repetition of a request as the request itself was answered. The claims are a convenience that may be
 * thrown away: that nothing is stored twice is the log's own promise, since the chunks' ids are made from key and body.
 */
export class IngestClaims {
  readonly #own = new Set<string>();

  constructor(
    private readonly register: Register,
    private readonly clock: Clock,
    private readonly instance: Pick<Instance, 'instance_id'>,
  ) {}

  /** Carries a request out, or gives the answer that it was given before. */
  async once<R>(keyed: Keyed, carryOut: () => Promise<CommandResult<R>>): Promise<CommandResult<R>> {
    const name = `ingest-claims/${keyed.key}`;
    // Between looking and claiming nothing of this process may come in between.
    if (this.#own.has(name)) return { ok: false, refusal: inFlight };
    this.#own.add(name);
    try {
      const version = await this.#claim(name, keyed.body);
      if (typeof version !== 'number') return version.taken as CommandResult<R>;
      const result = await carryOut().catch(async (error: unknown) => {
        await this.register.delete(name);
        throw error;
      });
      if (result.ok) await this.#settle(name, keyed.body, result, version);
      else await this.register.delete(name);
      return result;
    } finally {
      this.#own.delete(name);
    }
  }

  /** The claim's version where it is ours now, else what the caller is to be told. */
  async #claim(name: string, body: string): Promise<number | { readonly taken: CommandResult<unknown> }> {
    for (;;) {
      const found = await this.register.get(name);
      if (found) {
        const claim = found.value as unknown as Claim;
        const age = this.clock.now() - claim.at;
        if (age < KEPT_MS) {
          if (claim.body !== body) return { taken: { ok: false, refusal: otherBody } };
          if (claim.answer) return { taken: replay(claim.answer) };
          // A claim of this very process is in the set above: one that only bears its name is from before a restart.
          if (age < ABANDONED_MS && claim.by !== this.instance.instance_id)
            return { taken: { ok: false, refusal: inFlight } };
        }
      }
      const claim: Claim = { body, at: this.clock.now(), by: this.instance.instance_id };
      const version = found?.version ?? 0;
      if (await this.register.set(name, claim as unknown as Json, version)) return version + 1;
    }
  }

  async #settle<R>(
    name: string,
    body: string,
    { value, position }: Success<R>,
    version: number,
  ): Promise<void> {
    const answer = { value, position } as unknown as JsonObject;
    const claim: Claim = { body, at: this.clock.now(), by: this.instance.instance_id, answer };
    // Where another took the claim over, its answer is the same one.
    await this.register.set(name, claim as unknown as Json, version);
  }
}

/** Answers are written by this file only, so the register's word is taken for it. */
const replay = (answer: JsonObject): CommandResult<unknown> => ({
  ...(answer as unknown as Pick<Success<unknown>, 'value' | 'position'>),
  ok: true,
  replayed: true,
});
