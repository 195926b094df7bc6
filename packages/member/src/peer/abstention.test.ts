import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Index, MemberId, Message, Term } from '@conclave/core';
import { TestCluster } from '../../testing/cluster.ts';
import { Abstention } from './abstention.ts';
import { encodePeerFrames } from './codec.ts';

const [one, two, three, four] = [1, 2, 3, 4] as MemberId[] as [MemberId, MemberId, MemberId, MemberId];
const term = 2 as Term;
const log = { from: two, to: one, term, lastIndex: 5 as Index, lastTerm: term, transfer: false } as const;
const vote: Message = { ...log, type: 'vote' };
const preVote: Message = { ...log, type: 'preVote', campaignTerm: 3 as Term };

function started(): {
  readonly abstention: Abstention;
  readonly voters: MemberId[];
  readonly wait: (ms: number) => void;
} {
  let nowMs = 7_000;
  const voters = [one, two, three];
  const clock = { nowMs: () => nowMs, wallMs: () => 0 };
  const abstention = new Abstention({ id: one, electionMs: 1_000 }, clock, () => voters);
  return { abstention, voters, wait: (ms) => (nowMs += ms) };
}

test('nobody has its vote before every voter has accepted it', () => {
  const { abstention } = started();
  abstention.acceptedBy(two);
  abstention.acceptedBy(four);
  assert.deepEqual([abstention.drops(vote), abstention.drops(preVote)], [true, true]);
  abstention.acceptedBy(three);
  assert.deepEqual([abstention.drops(vote), abstention.drops(preVote)], [false, false]);
});

test('it waits an election timeout for those that cannot be reached, and no longer', () => {
  const { abstention, wait } = started();
  abstention.acceptedBy(two);
  wait(999);
  assert.equal(abstention.drops(vote), true);
  wait(1);
  assert.equal(abstention.drops(vote), false);
});

test('it is over once: a voter that comes later has it wait for nothing', () => {
  const { abstention, voters } = started();
  for (const peer of [two, three]) abstention.acceptedBy(peer);
  assert.equal(abstention.drops(vote), false);
  voters.push(four);
  assert.equal(abstention.drops(vote), false);
});

test('whoever else says something is heard, and a hand-over is no reason to vote early', () => {
  const { abstention } = started();
  assert.equal(abstention.drops({ type: 'voteResponse', from: two, to: one, term, granted: true }), false);
  assert.equal(abstention.drops({ ...log, type: 'vote', transfer: true }), true);
});

test('a member alone waits for nobody', () => {
  const { abstention, voters } = started();
  voters.splice(1);
  assert.equal(abstention.drops(vote), false);
});

test('a member drops what it is asked too early: the term of the request is not heard of, either', async (context) => {
  const cluster = await TestCluster.start(3, undefined, { electionMs: 60_000 });
  context.after(() => cluster.stop());
  for (const id of [one, two, three]) await cluster.kill(id);
  await cluster.restart(one);
  const member = cluster.member(one);
  assert.ok(member !== undefined);
  const ask = (asked: number): void => {
    const message = { ...log, type: 'vote', term: asked as Term } as const;
    for (const frame of encodePeerFrames([{ type: 'raft', message }], 1)) member.receivePeer(two, frame);
  };
  ask(60);
  for (const peer of [two, three]) member.acceptedBy(peer);
  ask(50);
  while (member.raft.term < 50) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(member.raft.term, 50);
});
