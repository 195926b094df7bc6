import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LoadOptions, settle } from './options.ts';

const wrong: readonly [Partial<LoadOptions>, RegExp][] = [
  [{ outstanding: 0 }, /outstanding: 0, it is between 1 and 65536/],
  [{ outstanding: 1.5 }, /outstanding: 1.5, it is a whole number/],
  [{ connections: 3, outstanding: 2 }, /connections: 3, it is between 1 and 2/],
  [{ keys: 7, outstanding: 8 }, /keys: 7, it is between 8 and/],
  [{ valueBytes: 15, verify: true }, /valueBytes: 15, it is between 16 and/],
  [{ seconds: Number.NaN }, /seconds: NaN/],
  [{ rate: 0 }, /rate: 0/],
];

for (const [options, message] of wrong) {
  test(`${JSON.stringify(options)} is refused with the option and its limits`, () => {
    assert.throws(() => settle({ work: 'put', endpoints: [], ...options }), message);
  });
}

test('what is not said follows from how many operations are under way', () => {
  const { connections, keys, lockNames } = settle({ work: 'put', endpoints: [], outstanding: 20_000 });
  assert.deepEqual({ connections, keys, lockNames }, { connections: 50, keys: 20_000, lockNames: 20_000 });
});
