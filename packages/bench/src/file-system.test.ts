import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CannotRunError } from './cannot-run.ts';
import { Workplace } from './file-system.ts';

const shm = '/dev/shm';

test('a file system that lives in memory is refused by its name', {
  skip: existsSync(shm) ? false : `there is no ${shm}`,
}, () => {
  assert.throws(
    () => new Workplace(join(shm, 'conclave-bench-test')),
    (error) => error instanceof CannotRunError && /tmpfs/.test(error.message) && /--directory/.test(error.message),
  );
});

test('the directory of a run is gone after it', () => {
  const parent = join(tmpdir(), 'conclave-bench-test');
  let directory: string;
  {
    using workplace = new Workplace(parent);
    ({ directory } = workplace);
    assert.ok(existsSync(directory));
    assert.match(workplace.fileSystem, /\S on \S/);
  }
  assert.equal(existsSync(directory), false);
});
