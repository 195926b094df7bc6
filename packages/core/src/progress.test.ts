import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultOptions } from './options.ts';
import { Progress } from './progress.ts';
import type { Index, MemberId } from './types.ts';

const i = (index: number): Index => index as Index;
/** The log of the leader. */
const log = { base: i(0), last: i(20) };
const options = { ...defaultOptions, id: 1 as MemberId, maxInflightAppends: 2, maxInflightBytes: 100 };

/** A peer that is known to hold everything up to `match`. */
function replicating(match: number): Progress {
  const progress = new Progress(i(match + 1), 0);
  progress.accepted(i(match), log, 0);
  return progress;
}

test('a peer whose log is not known gets one append at a time', () => {
  const progress = new Progress(i(5), 0);
  assert.ok(progress.mayReceive(options));
  progress.sent(i(9), 10, 0);
  assert.ok(!progress.mayReceive(options));
  assert.equal(progress.next, 5, 'it is sent again until one is accepted');
});

test('once an append is accepted, appends are sent ahead of their acknowledgements', () => {
  const progress = replicating(4);
  assert.equal(progress.state, 'replicate');
  progress.sent(i(5), 10, 0);
  assert.equal(progress.next, 6);
  assert.ok(progress.mayReceive(options));
});

test('the window is bounded in appends', () => {
  const progress = replicating(0);
  progress.sent(i(1), 1, 0);
  progress.sent(i(2), 1, 0);
  assert.ok(!progress.mayReceive(options));
  progress.accepted(i(1), log, 0);
  assert.ok(progress.mayReceive(options));
});

test('the window is bounded in bytes', () => {
  const progress = replicating(0);
  progress.sent(i(1), 100, 0);
  assert.ok(!progress.mayReceive(options));
  progress.accepted(i(1), log, 0);
  assert.ok(progress.mayReceive(options));
});

test('one acknowledgement frees all appends up to it', () => {
  const progress = replicating(0);
  progress.sent(i(3), 1, 0);
  progress.sent(i(7), 1, 0);
  progress.accepted(i(7), log, 0);
  assert.equal(progress.inFlight, 0);
  assert.equal(progress.match, 7);
});

test('an acknowledgement that was overtaken by a later one changes nothing', () => {
  const progress = replicating(5);
  progress.accepted(i(3), log, 0);
  assert.deepEqual([progress.match, progress.next], [5, 6]);
});

test('a rejection of something known to match is stale; so is one that answers no probe under way (etcd-io/raft #52)', () => {
  const progress = replicating(5);
  assert.ok(progress.isStaleRejection(i(5)));
  assert.ok(!progress.isStaleRejection(i(6)));
  const probing = new Progress(i(9), 0);
  assert.ok(probing.isStaleRejection(i(5)));
  assert.ok(!probing.isStaleRejection(i(8)));
});

test('next never falls back to what is known to match (etcd-io/raft #110, #149)', () => {
  assert.throws(() => replicating(5).probeFrom(i(5)), /fall back/);
});

test('going back to probing empties the window and forgets what was being loaded', () => {
  const progress = replicating(5);
  progress.sent(i(6), 100, 0);
  progress.loading = 3;
  progress.probeFrom(i(6));
  assert.equal(progress.inFlight, 0);
  assert.ok(progress.mayReceive(options));
});

test('while entries are loaded for a peer, nothing else is sent to it', () => {
  const progress = replicating(5);
  progress.loading = 3;
  assert.ok(!progress.mayReceive(options));
});
