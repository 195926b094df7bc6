import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { CannotRunError } from './cannot-run.ts';

/** Lose nothing by an fdatasync, and keep nothing either. */
const inMemory: ReadonlySet<string> = new Set(['tmpfs', 'ramfs', 'devtmpfs']);

/** A directory for one run, gone when the run is over. */
export class Workplace implements Disposable {
  readonly directory: string;
  /** `ext4 on /dev/vda` */
  readonly fileSystem: string;

  /** Throws CannotRunError for a file system that lives in memory. */
  constructor(parent: string) {
    const { device, type } = mountOf(realpathSync(existingAbove(resolve(parent))));
    this.fileSystem = `${type} on ${device}`;
    if (inMemory.has(type)) {
      throw new CannotRunError(
        `${parent} is on ${type}, which syncs nothing: name a directory on a disk with --directory`,
      );
    }
    mkdirSync(parent, { recursive: true });
    this.directory = mkdtempSync(join(parent, 'run-'));
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** The path itself, or the nearest directory above it that there is. */
function existingAbove(path: string): string {
  return existsSync(path) ? path : existingAbove(dirname(path));
}

interface Mount {
  readonly device: string;
  readonly type: string;
}

/** By the longest mount point that the path lies under. */
function mountOf(path: string): Mount {
  if (!existsSync('/proc/self/mounts')) throw new CannotRunError('this needs Linux: /proc/self/mounts is missing');
  let found: Mount = { device: 'unknown', type: 'unknown' };
  let longest = -1;
  for (const line of readFileSync('/proc/self/mounts', 'utf8').split('\n')) {
    const [device = '', point = '', type = ''] = line.split(' ');
    const isAbove = path === point || path.startsWith(point === '/' ? '/' : `${point}/`);
    if (point === '' || !isAbove || point.length < longest) continue;
    longest = point.length;
    found = { device, type };
  }
  return found;
}
