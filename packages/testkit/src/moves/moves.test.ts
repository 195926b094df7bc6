import assert from 'node:assert/strict';
import { test } from 'node:test';
import { movesText, runMoves } from './run.ts';

test('a session that is moved between three members while it writes: exactly one effect per request, and the lock stays its own', {
  timeout: 120_000,
}, async () => {
  const report = await runMoves({ requests: 4_000, outstanding: 64, answersAMove: 100 });
  console.log(movesText(report));
  assert.deepEqual(report.wrong, []);
  assert.equal(report.isHeld, true);
  assert.ok(report.connections > 10, `${report.connections} connections`);
});
