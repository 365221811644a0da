import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A disk in memory of its own, that can be filled up. */
export interface SmallDisk {
  readonly path: string;
  /** False where it is a folder like any other: only an administrator may mount a disk. */
  readonly mounted: boolean;
  readonly remove: () => void;
}

/** Makes a disk of a size such as `8m`. */
export const smallDisk = (size: string): SmallDisk => {
  const path = mkdtempSync(join(tmpdir(), 'pulsestream-small-disk-'));
  const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path], { stdio: 'ignore' });
  const mounted = mount.status === 0;
  return {
    path,
    mounted,
    remove: () => {
      if (mounted) spawnSync('umount', ['-l', path]);
      rmSync(path, { recursive: true });
    },
  };
};
