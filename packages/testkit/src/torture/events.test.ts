import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventsIn, type Outcome, outcomeOf } from './events.ts';

const document = `
| Event | What happens | Test |
|---|---|---|
| Power loss | it is there | *after a loss of \${size} bytes, all (or nothing)* |
| Rain | \`wet\`, and nothing else | *it rains* |
`;

test('an event comes out as the worst of the tests that its row names', () => {
  const [loss, rain] = eventsIn(document);
  assert.deepEqual(rain, { event: 'Rain', happens: '`wet`, and nothing else', test: 'it rains' });
  assert.ok(loss !== undefined);
  const outcomes = new Map<string, Outcome>([
    ['after a loss of 1 bytes, all (or nothing)', 'as said'],
    ['after a loss of 2 bytes, all (or nothing)', 'as said'],
    ['it rains no more', 'FAILED'],
  ]);
  assert.equal(outcomeOf(loss, outcomes), 'as said');
  assert.equal(outcomeOf(rain, outcomes), 'not tried');
  outcomes.set('after a loss of 3 bytes, all (or nothing)', 'skipped: no root');
  assert.equal(outcomeOf(loss, outcomes), 'skipped: no root');
  outcomes.set('after a loss of 4 bytes, all (or nothing)', 'FAILED');
  assert.equal(outcomeOf(loss, outcomes), 'FAILED');
});
