import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '../processes/temporary-directory.ts';
import { readHistory } from './reader.ts';
import { HistoryRecorder } from './recorder.ts';

test('what was recorded is what is read back, in memory and in the file', async () => {
  using directory = temporaryDirectory();
  const path = join(directory.path, 'history.jsonl');
  const recorder = new HistoryRecorder({ path });
  const client = recorder.client('c');
  await client.record(
    'put',
    'k',
    { value: 1 },
    async () => ({ rev: 2 }),
    () => false,
  );
  recorder.append({ op: 'crash', client: 'c', call_ns: recorder.nowNs() });
  recorder.close();
  assert.deepEqual(readHistory(path), recorder.records);
  const [put] = recorder.records;
  assert.ok(put?.op === 'put' && put.status === 'ok' && put.return_ns >= put.call_ns);
  assert.throws(() => new HistoryRecorder({ path }), { code: 'EEXIST' });
});

test('after an unknown outcome the client goes on under a new name, after a failure under its own', async () => {
  const recorder = new HistoryRecorder();
  const client = recorder.client('c');
  const put = (message: string): Promise<unknown> =>
    client.record(
      'put',
      'k',
      { value: 1 },
      () => fail(message),
      (error) => String(error).includes('refused'),
    );
  await assert.rejects(put('refused'), /refused/);
  await assert.rejects(put('timeout'), /timeout/);
  await assert.rejects(put('refused'), /refused/);
  const told = recorder.records.map(
    (record) => 'status' in record && 'client' in record && [record.client, record.status],
  );
  assert.deepEqual(told, [
    ['c', 'fail'],
    ['c', 'unknown'],
    ['c.2', 'fail'],
  ]);
});

test('what is in flight when the run ends is recorded as unknown, and a late answer changes nothing', () => {
  const recorder = new HistoryRecorder();
  const operation = recorder.begin('c', 'delete', 'k', {});
  recorder.close();
  operation.ok({ existed: true });
  assert.equal(recorder.records.length, 1);
  const [record] = recorder.records;
  assert.ok(record?.op === 'delete' && record.status === 'unknown');
});

async function fail(message: string): Promise<never> {
  throw new Error(message);
}
