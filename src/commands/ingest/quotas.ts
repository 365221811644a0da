import type { TenantId } from '../../domain/ids.js';
import {
  addUsage,
  dayOf,
  hasQuota,
  leftOf,
  lessUsage,
  NO_USAGE,
  secondsOfDayLeft,
  type Quota,
  type Usage,
} from '../../domain/tenancy/usage.js';
import type { Position } from '../../eventstore/event-store.js';
import type { Clock } from '../../platform/clock.js';
import type { CommandRefusal } from '../command.js';
import type { PieceOutcome } from './chunk-writer.js';
import type { Piece } from './received.js';

/** What the log is known to hold of a tenant's day: all up to a position, and nothing behind it. */
export interface KnownUsage {
  readonly used: Usage;
  readonly position: Position;
}

/** Where days are added up: the read model. */
export interface UsageSource {
  read(tenant: TenantId, day: string): Promise<KnownUsage>;
  /** Resolves true once it has all that is in the log now; false where that takes too long. */
  caughtUp(): Promise<boolean>;
}

/** How a tenant stands with its quotas today. */
export interface Standing {
  readonly quota: Quota;
  readonly left: Usage;
  /** Until the next day. */
  readonly seconds: number;
}

/** How often it is looked what other processes have stored. */
const REFRESH_MS = 1_000;

/** A tenant's day: what was known at last, what this process has stored behind that, and what it is about to store. */
class Tally {
  #known: KnownUsage;
  #own: (Usage & { readonly position: Position })[] = [];
  #stored: Usage;
  /** What was stored today and is not known as that any more: it was retired or set aside. */
  #gone = NO_USAGE;
  #reserved = NO_USAGE;

  constructor(
    readonly day: string,
    known: KnownUsage,
    /** When it was last asked what is known, on the monotonic clock. */
    public asked_at: number,
  ) {
    this.#known = known;
    this.#stored = known.used;
  }

  get stored(): Usage {
    return this.#stored;
  }

  learn(known: KnownUsage): void {
    if (known.position < this.#known.position) return;
    this.#known = known;
    this.#own = this.#own.filter(({ position }) => position > known.position);
    const total = this.#own.reduce<Usage>(addUsage, addUsage(known.used, this.#gone));
    const less = lessUsage(this.#stored, total);
    this.#gone = addUsage(this.#gone, {
      events: Math.max(0, less.events),
      bytes: Math.max(0, less.bytes),
    });
    this.#stored = {
      events: Math.max(this.#stored.events, total.events),
      bytes: Math.max(this.#stored.bytes, total.bytes),
    };
  }

  /** `later`: there is room only if what is on its way is not stored after all. */
  reserve(quota: Quota, wanted: Usage): 'reserved' | 'later' | 'none' {
    const left = leftOf(quota, this.#stored);
    if (!covers(left, wanted)) return 'none';
    if (!covers(left, addUsage(this.#reserved, wanted))) return 'later';
    this.#reserved = addUsage(this.#reserved, wanted);
    return 'reserved';
  }

  release(wanted: Usage): void {
    this.#reserved = lessUsage(this.#reserved, wanted);
  }

  count(stored: Usage, position: Position): void {
    if (position <= this.#known.position) return;
    this.#own.push({ ...stored, position });
    this.#stored = addUsage(this.#stored, stored);
  }
}

const covers = (left: Usage, wanted: Usage): boolean =>
  wanted.events <= left.events && wanted.bytes <= left.bytes;

const sizeOf = ({ from, to, bytes }: Piece): Usage => ({ events: to - from, bytes: bytes - (to - from) });

/**
 * Holds tenants to what they may store in a UTC day. Nothing is counted beside the log: a day is what the read model
 * has of it and what this process has stored since, so it is the same after a restart, and neither a repetition nor
 * what could not be stored counts. A request is stored in whole or refused, and never goes beyond a quota.
 */
export class Quotas {
  readonly #tallies = new Map<TenantId, Tally>();
  readonly #opening = new Map<TenantId, Promise<Tally | undefined>>();

  constructor(
    private readonly source: UsageSource,
    private readonly clock: Pick<Clock, 'now' | 'monotonic'>,
  ) {}

  /** Writes a request's pieces where there is room for all of them. */
  within(
    tenant: TenantId,
    quota: Quota,
    pieces: readonly Piece[],
    write: () => Promise<readonly PieceOutcome[]>,
  ): Promise<readonly PieceOutcome[]> {
    return pieces.length === 0 || !hasQuota(quota) ? write() : this.#within(tenant, quota, pieces, write);
  }

  async #within(
    tenant: TenantId,
    quota: Quota,
    pieces: readonly Piece[],
    write: () => Promise<readonly PieceOutcome[]>,
  ): Promise<readonly PieceOutcome[]> {
    const tally = await this.#tally(tenant);
    const wanted = pieces.map(sizeOf).reduce(addUsage);
    const room = tally?.reserve(quota, wanted);
    if (!tally || room !== 'reserved') {
      const wait = room === 'none' ? secondsOfDayLeft(this.clock.now()) : 1;
      const refusal = tally ? quotaExceeded(wait) : usageUnknown;
      return pieces.map(() => ({ ok: false, refusal }));
    }
    try {
      const outcomes = await write();
      for (const [n, outcome] of outcomes.entries()) {
        const piece = pieces[n];
        if (piece && outcome.ok && !outcome.repeated) this.#count(tenant, sizeOf(piece), outcome);
      }
      return outcomes;
    } finally {
      tally.release(wanted);
    }
  }

  /** How a tenant stands today; undefined where it has no quota, or nothing is known yet. */
  standing(tenant: TenantId, quota: Quota): Standing | undefined {
    if (!hasQuota(quota)) return undefined;
    const now = this.clock.now();
    const tally = this.#tallies.get(tenant);
    if (tally?.day !== dayOf(now)) return undefined;
    return { quota, left: leftOf(quota, tally.stored), seconds: secondsOfDayLeft(now) };
  }

  /** Why nothing of a tenant can be stored today; undefined where something can, as far as is known. */
  exhausted(tenant: TenantId, quota: Quota): CommandRefusal | undefined {
    const standing = this.standing(tenant, quota);
    return standing && (standing.left.events === 0 || standing.left.bytes === 0)
      ? quotaExceeded(standing.seconds)
      : undefined;
  }

  #count(
    tenant: TenantId,
    stored: Usage,
    { position, recorded_at }: Extract<PieceOutcome, { ok: true }>,
  ): void {
    const tally = this.#tallies.get(tenant);
    if (tally?.day === recorded_at.slice(0, 10)) tally.count(stored, position);
  }

  async #tally(tenant: TenantId): Promise<Tally | undefined> {
    const day = dayOf(this.clock.now());
    const known = this.#tallies.get(tenant);
    if (known?.day === day) {
      this.#refresh(tenant, known);
      return known;
    }
    let opening = this.#opening.get(tenant);
    if (!opening) {
      opening = this.#open(tenant, day).finally(() => this.#opening.delete(tenant));
      this.#opening.set(tenant, opening);
    }
    return opening;
  }

  async #open(tenant: TenantId, day: string): Promise<Tally | undefined> {
    if (!(await this.source.caughtUp())) return undefined;
    const asked_at = this.clock.monotonic();
    const tally = new Tally(day, await this.source.read(tenant, day), asked_at);
    this.#tallies.set(tenant, tally);
    return tally;
  }

  /** What is known stays good enough where it cannot be read just now. */
  #refresh(tenant: TenantId, tally: Tally): void {
    const now = this.clock.monotonic();
    if (now - tally.asked_at < REFRESH_MS) return;
    tally.asked_at = now;
    this.source.read(tenant, tally.day).then(
      (known) => {
        tally.learn(known);
      },
      () => undefined,
    );
  }
}

const quotaExceeded = (seconds: number): CommandRefusal => ({
  kind: 'busy',
  code: 'quota_exceeded',
  detail: `That is more than may still be stored today (UTC); there may be room in ${seconds} s.`,
  retry_after_seconds: seconds,
});

const usageUnknown: CommandRefusal = {
  kind: 'unavailable',
  code: 'usage_unknown',
  detail: 'What was stored today is still being counted. Send the same again soon.',
  retry_after_seconds: 1,
};
