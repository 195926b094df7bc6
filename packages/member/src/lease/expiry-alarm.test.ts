import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bounds } from '../settings.ts';
import { ExpiryAlarm } from './expiry-alarm.ts';

function alarm(): { readonly alarm: ExpiryAlarm; readonly raised: unknown[] } {
  const raised: unknown[] = [];
  return { alarm: new ExpiryAlarm({ warn: (facts) => raised.push(facts) }), raised };
}

test('many leases that end together raise an alarm, once in a while', () => {
  const { alarm: it, raised } = alarm();
  for (let n = 0; n < 50; n++) it.ending(1, 100 - n, n);
  // A fifth of the hundred that there were when it began.
  assert.deepEqual(raised, [{ ended: 20, of: 100, withinMs: 19 }]);
  for (let n = 0; n < 30; n++) it.ending(1, 50, bounds.expiryAlarmWindowMs + n);
  assert.equal(raised.length, 2);
});

test('neither a few of many, nor a few in all, nor many one after the other', () => {
  const { alarm: it, raised } = alarm();
  for (let n = 0; n < 199; n++) it.ending(1, 1_000, n);
  assert.deepEqual(raised, []);
  const few = alarm();
  for (let n = 0; n < bounds.minExpiriesForAlarm - 1; n++) few.alarm.ending(1, 20 - n, n);
  assert.deepEqual(few.raised, []);
  const slow = alarm();
  for (let n = 0; n < 100; n++) slow.alarm.ending(1, 100 - n, (n * bounds.expiryAlarmWindowMs) / 19);
  assert.deepEqual(slow.raised, []);
});
