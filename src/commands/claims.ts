import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import { Type, type Static } from 'typebox';
import type { Position } from '../eventstore/event-store.js';
import type { Clock } from '../platform/clock.js';
import type { Random } from '../platform/random.js';
import { compile } from '../platform/validation.js';
import type { Register } from '../readstore/read-store.js';
import { refused, type CommandResult } from './command.js';

/** A request with an `Idempotency-Key`: what names it in its scope, and what tells its body from another's; hashes. */
export interface Keyed {
  readonly key: string;
  readonly body: string;
}

/** How long an answer is kept at least. */
const KEPT_MS = 48 * 3_600_000;
/** A claim that is not answered after this long was left behind by a process that ended. */
const ABANDONED_MS = 60_000;

/** As it stands in the register, under the request's key. */
const Claim = Type.Object({
  body: Type.String(),
  at: Type.Number(),
  /** The process that carries it out. */
  by: Type.String(),
  /** The sealed answer; absent while the request is being carried out. */
  answer: Type.Optional(Type.String()),
});
type Claim = Static<typeof Claim>;
const readClaim = compile(Claim);

type Success<R> = Extract<CommandResult<R>, { ok: true }>;

const PREFIX = 'claims/';

const inFlight = refused(
  'conflict',
  'idempotency_in_flight',
  'The first request with this Idempotency-Key is still being carried out.',
  { retry_after_seconds: 1 },
);
const otherBody = refused(
  'unprocessable',
  'idempotency_key_reused',
  'This Idempotency-Key was used with another body.',
);

/**
 * Answers the repetition of a request as the request itself was answered. Claims may be thrown away: that nothing is
 * recorded twice is the log's own promise, since the ids of a keyed request's records are made from key and body.
 * Answers are sealed (AES-256-GCM), since some hold a secret that stands nowhere else.
 */
export class Claims {
  readonly #own = new Set<string>();

  constructor(
    private readonly register: Register,
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly sealing_key: Buffer,
    private readonly instance_id: string,
  ) {}

  /** Carries a request out, or gives the answer that it was given before. */
  async once<R>(keyed: Keyed, carryOut: () => Promise<CommandResult<R>>): Promise<CommandResult<R>> {
    // Between looking and claiming nothing of this process may come in between.
    if (this.#own.has(keyed.key)) return inFlight;
    this.#own.add(keyed.key);
    const name = PREFIX + keyed.key;
    try {
      const version = await this.#claim<R>(name, keyed);
      if (typeof version !== 'number') return version.taken;
      const result = await carryOut().catch(async (error: unknown) => {
        await this.register.delete(name);
        throw error;
      });
      if (result.ok) await this.register.set(name, this.#claimOf(keyed, this.#seal(keyed, result)), version);
      else await this.register.delete(name);
      return result;
    } finally {
      this.#own.delete(keyed.key);
    }
  }

  /** Deletes the claims whose time is over. */
  async forget(): Promise<void> {
    const oldest = this.clock.now() - KEPT_MS;
    for (const { key, value } of await this.register.list(PREFIX)) {
      const claim = readClaim(value);
      if (!claim.ok || claim.value.at < oldest) await this.register.delete(key);
    }
  }

  /** The claim's version where it is ours now, else what the caller is to be told. */
  async #claim<R>(name: string, keyed: Keyed): Promise<number | { readonly taken: CommandResult<R> }> {
    for (;;) {
      const found = await this.register.get(name);
      const read = found && readClaim(found.value);
      if (read?.ok) {
        const { body, at, by, answer } = read.value;
        const age = this.clock.now() - at;
        if (age < KEPT_MS) {
          if (body !== keyed.body) return { taken: otherBody };
          if (answer !== undefined) return { taken: this.#open<R>(keyed, answer) };
          // A claim of this very process is in the set above: one that only bears its name is from before a restart.
          if (age < ABANDONED_MS && by !== this.instance_id) return { taken: inFlight };
        }
      }
      const version = found?.version ?? 0;
      if (await this.register.set(name, this.#claimOf(keyed), version)) return version + 1;
    }
  }

  #claimOf({ body }: Keyed, answer?: string): Claim {
    return { body, at: this.clock.now(), by: this.instance_id, ...(answer !== undefined && { answer }) };
  }

  #seal(keyed: Keyed, { value, position }: Success<unknown>): string {
    const nonce = this.random.bytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.#keyFor(keyed), nonce);
    const sealed = Buffer.concat([cipher.update(JSON.stringify({ value, position })), cipher.final()]);
    return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64');
  }

  /** What was sealed here is what its request was answered: its type needs no second check. */
  #open<R>(keyed: Keyed, answer: string): Success<R> {
    const bytes = Buffer.from(answer, 'base64');
    const cipher = createDecipheriv('aes-256-gcm', this.#keyFor(keyed), bytes.subarray(0, 12));
    cipher.setAuthTag(bytes.subarray(12, 28));
    const text = Buffer.concat([cipher.update(bytes.subarray(28)), cipher.final()]).toString();
    const { value, position } = JSON.parse(text) as { value: R; position: Position };
    return { ok: true, value, position, replayed: true };
  }

  #keyFor({ key }: Keyed): Buffer {
    return Buffer.from(hkdfSync('sha256', this.sealing_key, '', key, 32));
  }
}
