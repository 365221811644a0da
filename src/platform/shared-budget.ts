/**
 * Memory that several share, by dynamic thresholds (Choudhury and Hahne, IEEE/ACM Transactions on Networking 6(2),
 * 1998, with α = 1): one may hold as much as is free. So one alone gets half, n who all want more get 1/(n + 1) each,
 * and there is always something left for the next. Nobody's share is set aside while it is not used.
 */
export class SharedBudget {
  readonly #held = new Map<string, number>();
  #used = 0;

  /** `size` may change; what is held beyond it stays held. */
  constructor(public size: number) {}

  /** What all hold together. */
  get used(): number {
    return this.#used;
  }

  /** How many hold something. */
  get owners(): number {
    return this.#held.size;
  }

  /** What one holds. */
  heldBy(owner: string): number {
    return this.#held.get(owner) ?? 0;
  }

  /** Whether somebody could take so much now. Where nobody holds anything, all is given, however much. */
  fits(owner: string, amount: number): boolean {
    const free = this.size - this.#used;
    const held = this.heldBy(owner);
    return this.#used === 0 || (amount <= free && (held === 0 || held + amount <= free));
  }

  /** Takes so much for somebody; false, and nothing is taken, where it does not fit. */
  take(owner: string, amount: number): boolean {
    if (!this.fits(owner, amount)) return false;
    this.#used += amount;
    this.#held.set(owner, this.heldBy(owner) + amount);
    return true;
  }

  /** Gives back what was taken. */
  release(owner: string, amount: number): void {
    this.#used -= amount;
    const left = this.heldBy(owner) - amount;
    if (left > 0) this.#held.set(owner, left);
    else this.#held.delete(owner);
  }
}
