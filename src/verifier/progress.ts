/** Shows how far a verification has got. */
export interface Progress {
  /** So many bytes more are read. */
  done(bytes: number): void;
  end(): void;
}

const WIDTH = 30;
const MIB = 1024 * 1024;
const QUIET_MS = 5_000;

/** A bar with rate and time left on a terminal, a line every five seconds elsewhere; nothing without a place for it. */
export const progressOf = (out: NodeJS.WriteStream | undefined, total: number): Progress => {
  const started = performance.now();
  let read = 0;
  let shown = started;
  const text = (): string => {
    const rate = read / Math.max(performance.now() - started, 1);
    const left = Math.ceil((total - read) / Math.max(rate, 1e-9) / 1_000);
    const share = total > 0 ? Math.min(1, read / total) : 1;
    const full = Math.round(share * WIDTH);
    return `Verifying ${'█'.repeat(full)}${'░'.repeat(WIDTH - full)} ${Math.floor(share * 100)} % | ${(read / MIB).toFixed(0)} of ${(total / MIB).toFixed(0)} MiB | ${((rate * 1_000) / MIB).toFixed(0)} MiB/s | ${left} s left`;
  };
  return {
    done: (bytes) => {
      read += bytes;
      if (out?.isTTY) out.write(`\r${text()}\x1b[K`);
      else if (out && performance.now() - shown > QUIET_MS) {
        shown = performance.now();
        out.write(`${text()}\n`);
      }
    },
    end: () => {
      if (out?.isTTY) out.write('\r\x1b[K');
    },
  };
};
