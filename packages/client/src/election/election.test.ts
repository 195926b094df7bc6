import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Harness, until } from '../../testing/harness.ts';
import type { LeaderInfo } from './election.ts';

test('observe gives the present leader first, then every term and every proclaimed value, in order', async (context) => {
  const harness = await Harness.start(context);
  const { client: a } = await harness.client();
  const { client: b } = await harness.client();
  const { client: observer, network } = await harness.client();
  const seen: (string | null)[] = [];
  const fences: number[] = [];
  const observed = (async () => {
    for await (const leader of observer.election('scheduler').observe()) {
      seen.push(leader?.text() ?? null);
      if (leader !== null) fences.push(leader.fence);
      if (seen.length === 5) return;
    }
  })();
  assert.equal(await observer.election('scheduler').leader(), null);
  const first = await a.election('scheduler').campaign('host-a');
  const second = b.election('scheduler').campaign('host-b');
  await first.proclaim('host-a, ready');
  network.current?.cut();
  assert.equal((await observer.election('scheduler').leader())?.fence, first.fence);
  await first.resign();
  assert.equal(first.signal.aborted, true);
  const leadership = await second;
  assert.ok(leadership.fence > first.fence, 'it is not so');
  await leadership.resign();
  await observed;
  assert.deepEqual(seen, [null, 'host-a', 'host-a, ready', 'host-b', null]);
  assert.deepEqual(fences, [first.fence, first.fence, leadership.fence]);
});

test('who does not lead any more proclaims nothing', async (context) => {
  const harness = await Harness.start(context);
  const { client: a } = await harness.client();
  const { client: operator } = await harness.client({ identity: 'idempotency-key' });
  const leadership = await a.election('e').campaign('a');
  const name = { kind: 'election', name: new TextEncoder().encode('e') } as const;
  await operator.perform({ type: 'lockBreak', name, fence: leadership.fence, holder: null, now: true });
  await assert.rejects(leadership.proclaim('still me'), { code: 'LOCK_LOST' });
  assert.equal(leadership.signal.aborted, true);
  const leader: LeaderInfo | null = await operator.election('e').leader();
  assert.equal(leader, null);
});

test('leadership is handed to a candidate before its turn, and to nobody who does not stand', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const { client: second } = await harness.client();
  const { client: third } = await harness.client();
  const election = client.election('e');
  const leadership = await election.campaign('first');
  const waiting = second.election('e').campaign('second');
  await until(async () => (await election.candidates()).length === 1);
  const heir = third.election('e').campaign('third');
  await until(async () => (await election.candidates()).length === 2);
  await assert.rejects(leadership.handOver({ session: 999, sequence: 1 }), { code: 'NOT_FOUND' });
  leadership.assertHeld();
  const [, candidate] = await election.candidates();
  assert.ok(candidate !== undefined);
  await leadership.handOver(candidate);
  assert.equal(leadership.signal.aborted, true);
  const successor = await heir;
  assert.equal((await election.leader())?.text(), 'third');
  assert.ok(successor.fence > leadership.fence);
  await successor.resign();
  assert.ok((await waiting).fence > successor.fence);
});

test('leadership is not handed to who waits for something else: the leader goes on to lead', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const { client: other } = await harness.client();
  const election = client.election('e');
  const leadership = await election.campaign('first');
  const elsewhere = await client.election('elsewhere').campaign('x');
  other
    .election('elsewhere')
    .campaign('y')
    .catch(() => {});
  await until(async () => (await client.election('elsewhere').candidates()).length === 1);
  const [stranger] = await client.election('elsewhere').candidates();
  assert.ok(stranger !== undefined);
  await assert.rejects(leadership.handOver(stranger), { code: 'NOT_FOUND' });
  leadership.assertHeld();
  assert.equal((await election.leader())?.fence, leadership.fence);
  elsewhere.assertHeld();
});
