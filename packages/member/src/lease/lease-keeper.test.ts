import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeOperation, type LeaseId } from '@conclave/protocol';
import { LeaseKeeper } from './lease-keeper.ts';

const heartbeatMs = 100;
const generation = 1;
const term = 7;

interface Planned {
  readonly atMs: number;
  readonly run: () => void;
}

/** A leader's office under virtual time: its loop may stand still, and its majority may be slow. */
class Office {
  nowMs = 0;
  /** How long a confirmation of leadership takes. */
  confirmationMs = 1;
  /** When the expiry of each lease was proposed. */
  readonly expired = new Map<LeaseId, number>();
  readonly warnings: string[] = [];
  /** What is proposed is applied at once. */
  applies = true;
  readonly keeper: LeaseKeeper;
  #plan: Planned[] = [];

  constructor(leases: readonly { readonly lease: LeaseId; readonly ttlMs: number }[]) {
    const deadlines = { leases: leases.map((one) => ({ ...one, generation, remainingMs: null })), delays: [] };
    const environment = {
      clock: { nowMs: () => this.nowMs, wallMs: () => 0 },
      timers: {
        after: (delayMs: number, run: () => void) => this.#after(delayMs, run),
        soon: (run: () => void) => void this.#after(0, run),
      },
      log: { info: () => {}, warn: (_: unknown, message: string) => this.warnings.push(message), error: () => {} },
    };
    const barrier = {
      wait: (done: (confirmed: boolean) => void) => void this.#after(this.confirmationMs, () => done(true)),
    };
    this.keeper = new LeaseKeeper(
      { clusterTimeMs: 0, deadlines: () => deadlines },
      barrier,
      environment,
      { heartbeatMs },
      (decide) => {
        const operation = decodeOperation(decide() ?? new Uint8Array(0));
        assert.ok(operation.type === 'leaseExpire' && operation.term === term && operation.generation === generation);
        this.expired.set(operation.lease, this.nowMs);
        if (this.applies) this.keeper.changed(term, [{ type: 'leaseEnded', lease: operation.lease }]);
      },
    );
    this.keeper.takeOffice(term);
  }

  #after(delayMs: number, run: () => void): () => void {
    const planned = { atMs: this.nowMs + delayMs, run };
    this.#plan.push(planned);
    return () => {
      this.#plan = this.#plan.filter((one) => one !== planned);
    };
  }

  runFor(durationMs: number): void {
    const untilMs = this.nowMs + durationMs;
    for (;;) {
      const [next] = this.#plan.toSorted((a, b) => a.atMs - b.atMs);
      if (next === undefined || next.atMs > untilMs) break;
      this.#plan = this.#plan.filter((one) => one !== next);
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.run();
    }
    this.nowMs = untilMs;
  }

  /** Nothing runs meanwhile; what fell due runs late. */
  standStill(durationMs: number): void {
    this.nowMs += durationMs;
  }
}

test('a loop that stands still now and then keeps nobody alive', () => {
  const office = new Office([{ lease: 1, ttlMs: 10_000 }]);
  // Six tenths of a second of every two: much longer than a heartbeat.
  for (let n = 0; n < 10 && office.expired.size === 0; n++) {
    office.runFor(1_400);
    office.standStill(600);
  }
  assert.ok((office.expired.get(1) ?? Number.POSITIVE_INFINITY) <= 12_000, `it expired at ${office.expired.get(1)}`);
});

test('a majority that is always slow keeps nobody alive', () => {
  const office = new Office([{ lease: 1, ttlMs: 10_000 }]);
  office.confirmationMs = 900;
  office.runFor(30_000);
  assert.equal(office.expired.get(1), 10_900);
});

test('a pause of more than half a ttl gives that lease its whole time again, and a longer one its own', () => {
  const office = new Office([
    { lease: 1, ttlMs: 1_000 },
    { lease: 2, ttlMs: 5_000 },
  ]);
  office.runFor(250);
  office.standStill(1_000);
  office.runFor(10_000);
  assert.equal(office.expired.get(1), 1_250 + 1_000 + office.confirmationMs);
  assert.equal(office.expired.get(2), 5_000 + office.confirmationMs);
  assert.deepEqual(office.warnings, ['the event loop stood still: leases of short ttl live it again']);
});

test('a confirmation that took more than half a ttl expires nobody of that ttl', () => {
  const office = new Office([
    { lease: 1, ttlMs: 1_000 },
    { lease: 2, ttlMs: 3_000 },
  ]);
  office.confirmationMs = 1_200;
  office.runFor(2_200);
  assert.deepEqual([...office.expired], []);
  office.confirmationMs = 1;
  office.runFor(1_000 + 10);
  assert.deepEqual([...office.expired.keys()], [2, 1]);
  assert.equal(office.expired.get(1), 2_200 + 1_000 + 1);
});

test('a sign of life while leadership is confirmed saves the lease, and a renewal afterwards waits for the outcome', () => {
  const office = new Office([{ lease: 1, ttlMs: 1_000 }]);
  office.confirmationMs = 50;
  office.runFor(1_020);
  office.keeper.signOfLife(1);
  office.runFor(500);
  assert.equal(office.expired.size, 0);
  office.applies = false;
  office.runFor(1_000);
  assert.equal(office.expired.get(1), 1_020 + 1_000 + 50);
  const renewed: unknown[] = [];
  office.keeper.renew([1], (ttlsMs) => renewed.push(ttlsMs));
  office.runFor(100);
  assert.deepEqual(renewed, []);
  office.keeper.changed(term, [{ type: 'leaseEnded', lease: 1 }]);
  assert.deepEqual(renewed, [[null]]);
});

test('it is reported, once, when a good part of all leases ends together, and nothing is held back', () => {
  const leases = Array.from({ length: 100 }, (_, n) => ({ lease: n + 1, ttlMs: n < 25 ? 1_000 : 60_000 }));
  const office = new Office(leases);
  office.runFor(2_000);
  assert.equal(office.expired.size, 25);
  assert.deepEqual(office.warnings, ['many leases end together']);
  const few = new Office(leases.slice(10));
  few.runFor(2_000);
  assert.deepEqual([few.expired.size, few.warnings], [15, []]);
});
