import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MemberId } from '@conclave/core';
import { Mutation } from './mutation.ts';
import { Mutations } from './mutations.ts';
import type { PeerLinks } from './peer/links.ts';
import { bounds } from './settings.ts';

const bytesOfEach = 100_000;
const count = 100;

test('a leader proposes so many bytes a turn, the last of which may go beyond it, and the rest in the turns that follow', () => {
  let wakes = 0;
  const mutations = new Mutations(
    {} as PeerLinks,
    { nowMs: () => 0, wallMs: () => 0 },
    () => ({ clusterTimeMs: 0, wallTimeMs: 0 }),
    () => 1,
    () => wakes++,
    () => {},
    () => false,
  );
  mutations.leadership(1 as MemberId, true);
  for (let at = 0; at < count; at++) {
    const identity = { by: 'key', key: Uint8Array.of(at) } as const;
    const intent = { identity, author: null, reason: null, operation: new Uint8Array(bytesOfEach) };
    const origin = { from: 'client', lane: {}, settle: () => {} } as const;
    mutations.submit(new Mutation(intent, origin, Number.POSITIVE_INFINITY));
  }
  const turns: number[] = [];
  for (let proposed = 0; proposed < count; ) {
    wakes = 0;
    const taken = mutations.takeProposals(bounds.maxProposalsPerTurn);
    const bytes = taken.reduce((sum, { data }) => sum + data.length, 0);
    // An entry is a little larger than its operation.
    const overhead = taken.length * 100;
    assert.ok(bytes <= bounds.maxProposedBytesPerTurn + bytesOfEach + overhead, `${bytes} bytes in one turn`);
    proposed += taken.length;
    turns.push(taken.length);
    assert.equal(wakes > 0, proposed < count, 'there is another turn as long as something waits');
  }
  assert.deepEqual(turns, [42, 42, 16]);
});
