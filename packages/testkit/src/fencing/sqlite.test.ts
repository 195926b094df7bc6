import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import wasm from 'node-sqlite3-wasm';
import { createFences, withFence } from '../../../../docs/examples/fencing/sqlite.ts';
import { StaleFence } from '../../../../docs/examples/fencing/stale-fence.ts';
import { temporaryDirectory } from '../processes/temporary-directory.ts';

const earlier = { name: 'orders/42', fence: 5 };
const later = { name: 'orders/42', fence: 6 };

interface Database extends wasm.Database, Disposable {}

function open(file: string): Database {
  const database = new wasm.Database(file);
  createFences(database);
  database.exec('CREATE TABLE IF NOT EXISTS counts (count INTEGER NOT NULL) STRICT');
  return Object.assign(database, { [Symbol.dispose]: () => database.close() });
}

test('work that fails writes nothing, and claims nothing', () => {
  using directory = temporaryDirectory();
  using database = open(join(directory.path, 'a.db'));
  const failing = (): void =>
    withFence(database, later, () => {
      database.run('INSERT INTO counts VALUES (1)');
      throw new Error('no');
    });
  assert.throws(failing, { message: 'no' });
  withFence(database, earlier, () => database.run('INSERT INTO counts VALUES (2)'));
  assert.deepEqual(database.all('SELECT count FROM counts'), [{ count: 2 }]);
});

test('the fence of one connection is that of all, and is found again when the file is opened anew', () => {
  using directory = temporaryDirectory();
  const file = join(directory.path, 'a.db');
  {
    using first = open(file);
    using second = open(file);
    withFence(first, earlier, () => {});
    withFence(second, later, () => {});
    assert.throws(() => withFence(first, earlier, () => {}), StaleFence);
  }
  using again = open(file);
  assert.throws(() => withFence(again, earlier, () => {}), StaleFence);
  withFence(again, later, () => {});
});
