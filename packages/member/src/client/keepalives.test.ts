import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Member } from '@conclave/member';
import type { HoldProof, LeaseId } from '@conclave/protocol';
import { TestCluster } from '../../testing/cluster.ts';
import { bytes, RawClient } from '../../testing/raw-client.ts';
import type { Timers } from '../environment.ts';
import type { Renewed } from '../lease/lease-keeper.ts';
import { Keepalives, type KeptAlive } from './keepalives.ts';

/** A member whose leader and whose state answer when the test says so. */
class Stage {
  readonly renewals: { readonly leases: readonly LeaseId[]; readonly done: Renewed }[] = [];
  readonly rounds: ((confirmed: boolean) => void)[] = [];
  readonly held = new Set<number>();
  readonly answers: (KeptAlive | null)[] = [];
  #timers: { run: () => void }[] = [];
  readonly keepalives: Keepalives;

  constructor() {
    const timers: Timers = {
      after: (_, run) => {
        const timer = { run };
        this.#timers.push(timer);
        return () => void (this.#timers = this.#timers.filter((one) => one !== timer));
      },
      soon: (run) => run(),
    };
    this.keepalives = new Keepalives(
      { isHeld: ({ sequence }) => this.held.has(sequence) },
      { renew: (leases, done) => void this.renewals.push({ leases, done }) },
      { wait: (done) => void this.rounds.push(done) },
      timers,
    );
  }

  take(leases: readonly LeaseId[], ...sequences: readonly number[]): void {
    const holds = sequences.map((sequence): HoldProof => ({ session: 7, sequence, fence: 1 }));
    this.keepalives.take({ leases, holds, done: (answer) => this.answers.push(answer) });
  }

  /** Of all timers that run. */
  pass(): void {
    for (const { run } of this.#timers.splice(0)) run();
  }
}

test('keepalives that come together take one round, and nothing begins before they have been gathered', () => {
  const stage = new Stage();
  stage.take([7], 1);
  stage.take([8], 2);
  assert.deepEqual([stage.renewals.length, stage.rounds.length], [0, 0]);
  stage.pass();
  assert.deepEqual(
    stage.renewals.map(({ leases }) => leases),
    [[7], [8]],
  );
  assert.equal(stage.rounds.length, 1);
  stage.take([9]);
  stage.pass();
  assert.equal(stage.rounds.length, 1, 'who holds nothing needs no round of this member');
});

test('what is held is told of the confirmed state only, whichever confirmation comes first', () => {
  for (const leaderFirst of [true, false]) {
    const stage = new Stage();
    stage.held.add(1).add(2);
    stage.take([7], 1, 2);
    stage.pass();
    const renew = (): void => stage.renewals[0]?.done([1_000]);
    const read = (): void => {
      // What this member had not applied yet when it was asked.
      stage.held.delete(2);
      stage.rounds[0]?.(true);
    };
    for (const confirm of leaderFirst ? [renew, read] : [read, renew]) {
      assert.deepEqual(stage.answers, []);
      confirm();
    }
    assert.deepEqual(stage.answers, [{ ttlsMs: [1_000], lost: [1] }]);
    stage.pass();
    assert.equal(stage.answers.length, 1);
  }
});

test('a session does not wait for a member that lags, nor for a round that was refused: what is held is unknown then', () => {
  const late = new Stage();
  late.take([7], 1);
  late.pass();
  late.renewals[0]?.done([1_000]);
  assert.deepEqual(late.answers, []);
  late.pass();
  assert.deepEqual(late.answers, [{ ttlsMs: [1_000], lost: null }]);
  late.rounds[0]?.(true);
  assert.equal(late.answers.length, 1);

  const refused = new Stage();
  refused.take([7], 1);
  refused.pass();
  refused.rounds[0]?.(false);
  refused.renewals[0]?.done([1_000]);
  assert.deepEqual(refused.answers, [{ ttlsMs: [1_000], lost: null }]);
});

test('where no leader confirms, nothing is; and a member that stops says so to all', () => {
  const stage = new Stage();
  stage.take([7], 1);
  stage.pass();
  stage.rounds[0]?.(true);
  stage.renewals[0]?.done(null);
  assert.deepEqual(stage.answers, [null]);
  stage.take([8]);
  stage.keepalives.abandon();
  stage.take([9]);
  assert.deepEqual(stage.answers, [null, null, null]);
});

test('a keepalive names what is lost, through any member, as soon as the break was acknowledged to somebody', async (context) => {
  const cluster = await TestCluster.start();
  context.after(() => cluster.stop());
  const clients: RawClient[] = [];
  for (const id of cluster.ids) {
    const client = new RawClient(cluster.member(id) as Member);
    await client.wait('welcome');
    clients.push(client);
  }
  const [operator] = clients as [RawClient];
  for (const holder of clients) {
    const session = await holder.openSession(60_000);
    const proofs: HoldProof[] = [];
    for (const [at, text] of ['a', 'b', 'c'].entries()) {
      const name = { kind: 'lock', name: bytes(text) } as const;
      const claims = [{ mode: 'exclusive', name }] as const;
      const acquire = { type: 'lockAcquire', claims, wait: false, value: null, lockDelayMs: 0, keeping: [] } as const;
      const sequence = at + 1;
      const held = await holder.ask(acquire, { session, sequence });
      assert.ok(held.type === 'lockAcquire' && held.state === 'held');
      proofs.push({ session, sequence, fence: held.fence });
    }
    const ask = async (id: number, holds: readonly HoldProof[]): Promise<readonly number[] | null> => {
      holder.send({ type: 'keepaliveHolds', id, leases: [session], holds });
      const answer = await holder.wait('keepaliveHoldsAnswer', (message) => message.id === id);
      assert.deepEqual(answer.leases, [{ lease: session, ttlMs: 60_000 }]);
      return answer.lost;
    };
    assert.deepEqual(await ask(100, proofs), []);
    const [, b] = proofs as [HoldProof, HoldProof];
    const name = { kind: 'lock', name: bytes('b') } as const;
    await operator.ask({ type: 'lockBreak', name, fence: b.fence, holder: null, now: true });
    const lost = await ask(101, [...proofs, { ...b, sequence: 99 }, { ...b, session: 999 }]);
    // A member on a machine that is busy with other things may lag.
    if (lost !== null) assert.deepEqual(lost, [1, 3, 4]);
    await holder.ask({ type: 'sessionClose', session }, { session, sequence: 4 });
  }
});
