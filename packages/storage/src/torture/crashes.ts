import { cpSync, existsSync } from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

/** Everything by which this package changes a directory, but for LevelDB's own writes, which lie between two of these. */
const steps = ['mkdir', 'open', 'rename', 'rm', 'chmod'] as const;

/** A copy of the directory as it is before each step of the work, in order. kill -9 leaves what the page cache holds, which is what is copied. */
export async function crashes(directory: string, work: () => Promise<void>): Promise<string[]> {
  const copies: string[] = [];
  const real = Object.fromEntries(steps.map((name) => [name, promises[name]]));
  const crash = (): void => {
    const copy = `${directory}-crash-${copies.length}`;
    if (existsSync(directory)) cpSync(directory, copy, { recursive: true });
    copies.push(copy);
  };
  try {
    for (const name of steps) {
      Object.assign(promises, {
        [name]: (...args: unknown[]) => {
          crash();
          return (real[name] as (...args: unknown[]) => unknown)(...args);
        },
      });
    }
    syncBuiltinESMExports();
    await work();
  } finally {
    Object.assign(promises, real);
    syncBuiltinESMExports();
  }
  return copies;
}
