import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HistoryRecord, OperationRecord } from '../history/record.ts';
import { checkGuardedWrites } from './guarded-writes.ts';

function put(value: string, status: 'ok' | 'fail' | 'unknown'): OperationRecord<'put'> {
  const call = { client: 'a', op: 'put', key: 'k', in: { value }, call_ns: 1, return_ns: 2 } as const;
  return status === 'ok' ? { ...call, status, out: {} } : { ...call, status };
}

function truth(...values: readonly string[]): HistoryRecord[] {
  return values.map((value, at) => ({ op: 'event', rev: at + 1, key: 'k', type: 'put', value }));
}

test('what was acknowledged is there once, what was refused is not, and fences only grow', () => {
  checkGuardedWrites(
    [put('3 a 1', 'ok'), put('3 a 2', 'unknown'), put('3 a 3', 'fail')],
    truth('3 a 1', '3 a 2', '7 b 1'),
  );
});

for (const [what, puts, values, message] of [
  ['an acknowledged write that is missing', [put('3 a 1', 'ok')], [], /acknowledged, and there 0 times/],
  ['a write with two effects', [put('3 a 1', 'unknown')], ['3 a 1', '3 a 1'], /there 2 times/],
  ['a refused write that is there', [put('3 a 1', 'fail')], ['3 a 1'], /refused, and there/],
  ['a smaller fence behind a larger one', [], ['7 b 1', '3 a 1'], /under fence 3 after fence 7/],
] as const) {
  test(`${what} is told`, () => {
    assert.throws(() => checkGuardedWrites(puts, truth(...values)), message);
  });
}
