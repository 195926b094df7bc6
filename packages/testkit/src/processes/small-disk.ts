// A disk of its own for one member, which can be filled to the last byte and emptied again.
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { unmountBelow } from './mounts.ts';

/** More than a member wants to have free (256 MiB) and what it sets aside (96 MiB); the image behind it is sparse. */
const diskMib = 1024;

export class SmallDisk implements Disposable {
  /** Where the file system is. */
  readonly path: string;
  readonly #place: string;

  private constructor(place: string) {
    this.#place = place;
    this.path = join(place, 'disk');
  }

  /** A loop-mounted ext4 in the new folder `place`, or the reason why there is none. */
  static mount(place: string): SmallDisk | string {
    if (process.platform !== 'linux') return 'a loop-mounted disk needs Linux';
    if (process.getuid?.() !== 0) return 'mounting a disk needs root';
    const disk = new SmallDisk(place);
    mkdirSync(disk.path, { recursive: true });
    const failure = run(place, `truncate -s ${diskMib}M image && mkfs.ext4 -q -m 0 image && mount -o loop image disk`);
    if (failure === null) return disk;
    rmSync(place, { recursive: true });
    return `no loop-mounted file system: ${failure}`;
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.path);
    return bavail * bsize;
  }

  /** Nothing more can be written. */
  fill(): void {
    this.#run(`fallocate -l ${this.freeBytes} other || true; cat /dev/zero > rest || true`);
  }

  /** So much is left. */
  fillExcept(bytes: number): void {
    this.#run(`fallocate -l ${this.freeBytes - bytes} other`);
  }

  #run(script: string): void {
    const failure = run(this.path, script);
    if (failure !== null) throw new Error(failure);
  }

  free(): void {
    rmSync(join(this.path, 'other'), { force: true });
    rmSync(join(this.path, 'rest'), { force: true });
  }

  [Symbol.dispose](): void {
    unmountBelow(this.#place);
    rmSync(this.#place, { recursive: true, force: true });
  }
}

export interface Disks extends Disposable {
  readonly byMember: ReadonlyMap<number, SmallDisk>;
  /** Why there are fewer than were asked for. */
  readonly reason: string | null;
  /** Where the member has its data, on its own disk; undefined without one. */
  directoryOf(id: number): string | undefined;
}

/** One for each member, in the folder `folder`. */
export function mountDisks(folder: string, members: number): Disks {
  const byMember = new Map<number, SmallDisk>();
  let reason: string | null = null;
  for (let id = 1; id <= members && reason === null; id++) {
    const disk = SmallDisk.mount(join(folder, `disk-${id}`));
    if (typeof disk === 'string') reason = disk;
    else byMember.set(id, disk);
  }
  return {
    byMember,
    reason,
    directoryOf: (id) => {
      const disk = byMember.get(id);
      return disk === undefined ? undefined : join(disk.path, 'member');
    },
    [Symbol.dispose]: () => {
      for (const disk of byMember.values()) disk[Symbol.dispose]();
    },
  };
}

/** Null, or the last thing that it said. */
function run(place: string, script: string): string | null {
  const { status, stderr } = spawnSync('sh', ['-c', script], { cwd: place, encoding: 'utf8' });
  return status === 0 ? null : (stderr.trim().split('\n').at(-1) ?? `exit ${status}`);
}
