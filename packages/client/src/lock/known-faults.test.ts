// Faults that others have had, each by the name under which it is known.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Harness, until } from '../../testing/harness.ts';
import type { Client } from '../client.ts';
import { ConclaveError } from '../error.ts';

const lockName = { kind: 'lock', name: new TextEncoder().encode('l') } as const;

async function holderOf(client: Client): Promise<{ readonly session: number | null; readonly waiting: number }> {
  const { lock } = await client.perform({ type: 'lock', name: lockName });
  return { session: lock.holders.find(({ delayMs }) => delayMs === null)?.session ?? null, waiting: lock.queue.length };
}

test('a lock is not granted to a waiter whose session has ended, nor is he told so (etcd#11456)', async (context) => {
  const harness = await Harness.start(context);
  const { client: first } = await harness.client();
  const { client: second } = await harness.client();
  const { client: third } = await harness.client();
  const { client: operator } = await harness.client({ identity: 'idempotency-key' });
  const rounds = 10;
  for (let round = 0; round < rounds; round++) {
    const held = await first.lock('l');
    const dying = await second.session({ ttlMs: 60_000 });
    const waiting = second.lock('l', { session: dying }).then(
      () => 'granted',
      (error: unknown) => (ConclaveError.is(error) ? error.code : error),
    );
    await until(async () => (await holderOf(operator)).waiting === 1);
    const heir = await third.session({ ttlMs: 60_000 });
    const next = third.lock('l', { session: heir });
    await until(async () => (await holderOf(operator)).waiting === 2);
    // Its end, and then at once what would have been its turn.
    const ended = operator.perform({ type: 'leaseRevoke', lease: dying.id });
    if (round % 2 === 0) await ended;
    const released = held.release();
    await ended;
    await released;
    const granted = await waiting;
    const lock = await next;
    // It may have held between the release and the end of its session; never after that.
    assert.equal((await holderOf(operator)).session, heir.id);
    if (round % 2 === 0) assert.equal(granted, 'SESSION_EXPIRED');
    assert.equal(dying.state, 'expired');
    await lock.release();
    await heir.close();
  }
});

test('an unlock that comes late ends the hold that it means, and not a newer one of the same session (etcd#22082)', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  const { client: operator } = await harness.client({ identity: 'idempotency-key' });
  const session = await client.session({ ttlMs: 60_000 });
  const old = await client.lock('l', { session });
  // The client hears nothing of the end of its hold, and gives it back by itself.
  network.filters.toClient = ({ type }) => type !== 'broken';
  await operator.perform({ type: 'lockBreak', name: lockName, fence: old.fence, holder: null, now: true });
  const newer = await client.lock('l', { session });
  assert.ok(newer.fence > old.fence);
  const waiting = operator.tryLock('l');
  await old.release();
  newer.assertHeld();
  assert.equal((await client.txn({ if: [newer.guard()], then: [] })).ok, true);
  assert.equal(await waiting, null);
  assert.equal(await operator.tryLock('l'), null);
  await newer.release();
  assert.equal((await holderOf(operator)).session, null);
});
