import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConclaveError } from '@conclave/client';
import { Measurement } from './measurement.ts';

test('a refusal is an error of its operation, and no more', () => {
  const measurement = new Measurement(0);
  measurement.failed(new ConclaveError('OVERLOADED', 'the queue is full'));
  measurement.failed(new ConclaveError('OVERLOADED', 'the queue is full'));
  measurement.failed(new ConclaveError('UNAVAILABLE', 'no leader'));
  assert.deepEqual(
    [...measurement.errorsByCode],
    [
      ['OVERLOADED', 2],
      ['UNAVAILABLE', 1],
    ],
  );
  assert.deepEqual([measurement.errors, measurement.unknown], [3, 0]);
});

test('what may have taken effect is unknown', () => {
  const measurement = new Measurement(0);
  measurement.failed(new ConclaveError('DEADLINE_EXCEEDED', 'too late', { outcome: 'unknown' }));
  assert.deepEqual([measurement.errors, measurement.unknown], [1, 1]);
});

test('wrong options and defects are no errors of the cluster', () => {
  const measurement = new Measurement(0);
  for (const error of [new ConclaveError('INVALID_ARGUMENT', 'no'), new TypeError('undefined is no function')]) {
    assert.throws(() => measurement.failed(error), error);
  }
  assert.equal(measurement.errors, 0);
});

test('the rate counts what ends in the measured time, latency what begins in it', () => {
  const measurement = new Measurement(1_000);
  measurement.succeeded(900, 950);
  measurement.succeeded(950, 1_050);
  measurement.succeeded(1_100, 1_200);
  measurement.end(2_000);
  measurement.succeeded(1_900, 4_900);
  assert.equal(measurement.acknowledged, 4);
  assert.equal(measurement.measured, 2);
  assert.equal(measurement.latency.count, 2);
  // Still under way when time was up, and the slowest of all.
  assert.equal(Math.round(measurement.latency.maxMs / 10) * 10, 3_000);
});
