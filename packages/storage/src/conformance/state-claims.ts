import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scanBatchBytes, scanBatchRecords } from '../bounds.ts';
import type { ScanRange, StateChange } from '../storage.ts';
import type { Bench, Implementation } from './bench.ts';
import { bytes, entries, founders, index, job, position, text } from './entries.ts';
import { refusedAs } from './log-claims.ts';

const puts = (values: Record<string, string | null>): StateChange[] =>
  Object.entries(values).map(([key, value]) => ({ key: bytes(key), value: value === null ? null : bytes(value) }));

const valuesOf = (lines: readonly string[]): string => lines.map((line) => line.split('=')[1]).join('');

export function stateClaims(implementation: Implementation, bench: () => Bench): void {
  const state = () => bench().storage.state;
  const checkpoint = async (at: number, changes: readonly StateChange[], digest = bytes(`digest ${at}`)) =>
    state().checkpoint({ position: position(at, 1), configuration: founders, digest, changes });
  const scanned = async (range?: ScanRange) => {
    const found: string[] = [];
    for await (const batch of state().scan(range)) {
      found.push(...batch.map(({ key, value }) => `${text(key)}=${text(value)}`));
    }
    return found;
  };
  const scannedValues = async (range?: ScanRange) => valuesOf(await scanned(range));
  /** A checkpoint beyond the log's end means that the log lost something. */
  const fillLog = async (to: number) => bench().storage.log.persist([job({ term: 1, entries: entries(1, to, 1) })]);

  test('a new state has no checkpoint and no record', async () => {
    assert.equal(state().checkpointed, null);
    assert.equal(state().get(bytes('a')), null);
    assert.deepEqual(await scanned(), []);
  });

  test('a checkpoint is there after a reopen, with its changes', async () => {
    await fillLog(9);
    await checkpoint(3, puts({ a: '1', b: '2' }));
    await checkpoint(7, puts({ a: null, b: '3', c: '' }));
    await bench().reopen();
    assert.deepEqual(state().checkpointed, {
      position: { index: 7, term: 1 },
      configuration: founders,
      digest: bytes('digest 7'),
    });
    assert.deepEqual(await scanned(), ['b=3', 'c=']);
    assert.equal(state().get(bytes('a')), null);
    assert.equal(text(state().get(bytes('b'))), '3');
    assert.equal(text(state().get(bytes('c'))), '');
  });

  test('the log says that what was applied is committed, though its own hint lags behind', async () => {
    await fillLog(9);
    await checkpoint(7, []);
    await bench().reopen();
    assert.equal(bench().storage.log.recovered.hardState.commit, 7);
  });

  test('a scan is ordered by bytes and keeps its range, direction and limit', async () => {
    await checkpoint(0, [
      ...puts({ a: '1', ab: '2', b: '3', c: '4', '': '0' }),
      { key: Uint8Array.of(0xff, 0), value: bytes('6') },
      { key: Uint8Array.of(0x80), value: bytes('5') },
    ]);
    assert.equal(await scannedValues(), '0123456');
    assert.equal(await scannedValues({ reverse: true }), '6543210');
    assert.equal(await scannedValues({ from: bytes('ab') }), '23456');
    assert.equal(await scannedValues({ to: bytes('b') }), '012');
    assert.equal(await scannedValues({ from: bytes('a'), to: bytes('c') }), '123');
    assert.equal(await scannedValues({ from: bytes('a'), to: bytes('c'), reverse: true, limit: 2 }), '32');
    assert.equal(await scannedValues({ limit: 0 }), '');
    assert.equal(await scannedValues({ from: bytes('c'), to: bytes('a') }), '');
  });

  test('a scan comes in bounded batches', async () => {
    const many = Array.from({ length: scanBatchRecords + 1 }, (_, at) => ({ key: bytes(`k${at}`), value: bytes('v') }));
    const large = Array.from({ length: 5 }, (_, at) => ({
      key: bytes(`large${at}`),
      value: new Uint8Array(scanBatchBytes / 2),
    }));
    await checkpoint(0, [...many, ...large]);
    let records = 0;
    for await (const batch of state().scan()) {
      records += batch.length;
      const size = batch.slice(1).reduce((sum, { value }) => sum + value.length, 0);
      assert.ok(batch.length <= scanBatchRecords && size <= scanBatchBytes, `${batch.length} records, ${size} bytes`);
    }
    assert.equal(records, many.length + large.length);
  });

  test('a scan sees one state, whatever is written beside it', async () => {
    const keys = Array.from({ length: scanBatchRecords * 3 }, (_, at) => `k${String(at).padStart(6, '0')}`);
    await checkpoint(
      0,
      keys.map((key) => ({ key: bytes(key), value: bytes('old') })),
    );
    const seen: string[] = [];
    for await (const batch of state().scan()) {
      await checkpoint(
        0,
        keys.map((key, at) => ({ key: bytes(key), value: at % 2 === 0 ? null : bytes('new') })),
      );
      seen.push(...batch.map(({ key, value }) => `${text(key)}=${text(value)}`));
    }
    assert.deepEqual(
      seen,
      keys.map((key) => `${key}=old`),
    );
    assert.equal((await scanned()).length, keys.length / 2);
  });

  test('a scrub counts what it verified, and stops when told', async () => {
    await checkpoint(0, puts({ a: '12', b: '345' }));
    const stop = new AbortController();
    assert.deepEqual(await state().scrub({ signal: stop.signal }), { records: 2, bytes: 7 });
    const pace = async (): Promise<void> => stop.abort(new Error('enough'));
    await assert.rejects(state().scrub({ signal: stop.signal, pace }), { message: 'enough' });
  });

  test('a checkpoint that goes back or stands beside another one is refused', async () => {
    await checkpoint(5, puts({ a: '1' }));
    await assert.rejects(checkpoint(4, []), refusedAs('misuse'));
    const first = checkpoint(6, puts({ a: '2' }));
    await assert.rejects(checkpoint(7, puts({ a: '3' })), refusedAs('misuse'));
    await first;
    assert.equal(text(state().get(bytes('a'))), '2');
    assert.equal(state().checkpointed?.position.index, 6);
    await fillLog(index(6));
  });

  test('a checkpoint behind the end of the log is taken for a loss of the log', async () => {
    await fillLog(3);
    await checkpoint(5, []);
    await assert.rejects(bench().reopen(), refusedAs('lost-acknowledged'));
  });

  test('a checkpoint whose term is not that of the entry is refused', async () => {
    await fillLog(3);
    await state().checkpoint({ position: position(3, 2), configuration: founders, digest: bytes(''), changes: [] });
    await assert.rejects(bench().reopen(), refusedAs('corrupt'));
  });

  if (implementation.failsOnDemand) {
    test('a failed write poisons the state: every later call throws the same error', async () => {
      await checkpoint(1, puts({ a: '1' }));
      bench().subject.failNextWrite?.();
      const error: unknown = await checkpoint(2, puts({ a: '2' })).catch((reason: unknown) => reason);
      assert.ok(refusedAs('write-failed')(error));
      const same = (other: unknown): boolean => other === error;
      await assert.rejects(checkpoint(2, []), same);
      assert.throws(() => state().get(bytes('a')), same);
      await assert.rejects(scanned(), same);
    });
  }
}
