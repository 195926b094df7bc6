import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shown, table } from './table.ts';

test('columns are as wide as their widest cell', () => {
  const text = table(
    ['work', '/s'],
    [
      ['put', '10'],
      ['linearizable get', '1,000'],
    ],
  );
  assert.deepEqual(
    text.split('\n').map((line) => line.length),
    [23, 23, 23, 23],
  );
});

test('numbers are shown with the digits that mean something', () => {
  assert.deepEqual([0.123, 12.34, 123.4, 1_234_567.8].map(shown), ['0.12', '12.3', '123', '1,234,568']);
  assert.deepEqual([null, Number.NaN].map(shown), ['–', '–']);
});
