// A file system of its own, small enough to fill and disposable enough to lose its power.
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** EXT4_IOC_SHUTDOWN with "do not flush the journal": what was not synced is gone. Node has no ioctl. */
const shutdown =
  'import fcntl,os,struct,sys;fcntl.ioctl(os.open(sys.argv[1],os.O_RDONLY),0x8004587d,struct.pack("I",2))';

export class SmallDisk {
  readonly path: string;
  readonly #place: string;

  private constructor(place: string) {
    this.#place = place;
    this.path = join(place, 'disk');
  }

  /** A mounted disk of 40 MiB, or the reason why there is none. */
  static async mount(context: TestContext): Promise<SmallDisk | string> {
    if (process.getuid?.() !== 0) return 'mounting a small file system needs root';
    const disk = new SmallDisk(await mkdtemp(join(tmpdir(), 'conclave-disk-')));
    context.after(async () => {
      run(disk.#place, 'umount disk || umount -l disk');
      await rm(disk.#place, { recursive: true });
    });
    const failure = run(
      disk.#place,
      'truncate -s 40M image && mkfs.ext4 -q image && mkdir disk && mount -o loop image disk',
    );
    return failure === null ? disk : `no loop-mounted file system: ${failure}`;
  }

  /** Takes the power away and gives it back. Whoever still runs on the disk must have been killed by `kill`. */
  async losePower(kill: () => Promise<void>): Promise<void> {
    const failure = run(this.#place, `python3 -c '${shutdown}' disk`);
    if (failure !== null) throw new Error(failure);
    await kill();
    const remounted = run(this.#place, 'umount disk && mount -o loop image disk');
    if (remounted !== null) throw new Error(remounted);
  }
}

/** Null, or the last thing that it said. */
function run(place: string, script: string): string | null {
  const { status, stderr } = spawnSync('sh', ['-c', script], { cwd: place, encoding: 'utf8' });
  return status === 0 ? null : (stderr.trim().split('\n').at(-1) ?? `exit ${status}`);
}
