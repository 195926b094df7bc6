import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TemporaryDirectory extends Disposable {
  readonly path: string;
}

/** Bound with `using`, or removed when this process ends. Set CONCLAVE_KEEP=1 to look at what is in it. */
export function temporaryDirectory(): TemporaryDirectory {
  const path = mkdtempSync(join(tmpdir(), 'conclave-test-'));
  const remove = (): void => {
    process.off('exit', remove);
    if (process.env['CONCLAVE_KEEP'] !== '1') rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  };
  process.on('exit', remove);
  return { path, [Symbol.dispose]: remove };
}
