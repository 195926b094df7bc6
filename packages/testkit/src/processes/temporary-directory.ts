import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { guardDirectory, releaseDirectory } from './guardian.ts';

export interface TemporaryDirectory extends Disposable {
  readonly path: string;
}

/** Bound with `using`, or removed when this process ends, however it ends. Set CONCLAVE_KEEP=1 to look at what is in it. */
export function temporaryDirectory(): TemporaryDirectory {
  const path = mkdtempSync(join(tmpdir(), 'conclave-test-'));
  if (process.env['CONCLAVE_KEEP'] === '1') return { path, [Symbol.dispose]: () => {} };
  guardDirectory(path);
  return {
    path,
    [Symbol.dispose]: () => {
      rmSync(path, { recursive: true, force: true, maxRetries: 3 });
      releaseDirectory(path);
    },
  };
}
