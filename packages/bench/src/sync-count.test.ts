import assert from 'node:assert/strict';
import { test } from 'node:test';
import { callsIn } from './sync-count.ts';

test('the calls of a summary of strace are added up, with and without errors', () => {
  const summary = [
    '% time     seconds  usecs/call     calls    errors syscall',
    '------ ----------- ----------- --------- --------- ----------------',
    ' 94.37    2.822758         521      5412       250 fsync',
    '  1.09    0.032492          57       570           fdatasync',
    '------ ----------- ----------- --------- --------- ----------------',
    '100.00    2.855250         477      5982       250 total',
  ].join('\n');
  assert.equal(callsIn(summary), 5_982);
});

test('where strace may not look, nothing is claimed', () => {
  assert.equal(callsIn('strace: attach: ptrace(PTRACE_SEIZE, 1): Operation not permitted\n'), null);
});
