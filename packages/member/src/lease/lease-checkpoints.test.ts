import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Prng } from '@conclave/core';
import type { LeaseId } from '@conclave/protocol';
import { Offices } from '../../testing/offices.ts';
import { defaultCheckpointPace } from '../settings.ts';

const ttlMs = 300_000;
const seeds = Number(process.env['CONCLAVE_PROPERTY_RUNS'] ?? 200);
const secretHash = new Uint8Array(32).fill(7);

function prngOf(seed: number): Prng {
  let state = seed >>> 0;
  return {
    next: () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    },
  };
}

function quiet(seed = 1): Offices {
  const offices = new Offices({ heartbeatMs: 1_000, pace: defaultCheckpointPace, delayMs: 5, prng: prngOf(seed) });
  offices.elect();
  offices.runFor(100);
  assert.ok(offices.isInOffice);
  return offices;
}

/** Leaders that are each in office for so long. */
function changeOften(offices: Offices, everyMs: number, forMs: number): void {
  for (let passedMs = 0; passedMs < forMs; passedMs += everyMs) {
    offices.elect();
    offices.runFor(everyMs);
  }
}

/** What the SDK does with its session, as docs/sessions.md says it. */
class Client {
  readonly #offices: Offices;
  readonly session: LeaseId;
  readonly ttlMs: number;
  deadlineMs: number;
  isFinal = false;
  confirmations = 0;
  #silentUntilMs = 0;
  #sequence = 0;
  #epoch = 0;

  constructor(offices: Offices, session: LeaseId, ttl: number, sentMs: number) {
    this.#offices = offices;
    this.session = session;
    this.ttlMs = ttl;
    this.deadlineMs = sentMs + ttl - ttl / 100;
  }

  check(): void {
    this.isFinal ||= this.#offices.nowMs >= this.deadlineMs;
  }

  renew(done: (confirmed: boolean) => void = () => {}): void {
    const sentMs = this.#offices.nowMs;
    this.#offices.renew(this.session, (left, confirmed) => {
      if (confirmed && left !== null) this.#confirmed(sentMs);
      done(confirmed);
    });
  }

  /** Three times a ttl, and what was refused again after a twelfth. */
  keepAlive(): void {
    this.renew((confirmed) => void this.#offices.after(this.ttlMs / (confirmed ? 3 : 12), () => this.keepAlive()));
  }

  /** Silent for long, so that its time is noted, then one sign of life or a few. */
  actNow(prng: Prng): void {
    if (this.#offices.nowMs < this.#silentUntilMs) return;
    if (prng.next() < 0.5) this.renew();
    else this.mutate();
    if (prng.next() < 0.7) this.#silentUntilMs = this.#offices.nowMs + prng.next() * this.ttlMs * 0.95;
  }

  mutate(): void {
    const sentMs = this.#offices.nowMs;
    const sequence = ++this.#sequence;
    const identity = {
      by: 'session',
      session: this.session,
      sequence,
      acknowledgedBelow: sequence,
      epoch: this.#epoch,
    } as const;
    const put = { type: 'compact', revision: 1 } as const;
    // Its answer is an error, and comes from the log as any other does.
    this.#offices.mutate(put, identity, () => this.#confirmed(sentMs));
  }

  #confirmed(sentMs: number): void {
    this.check();
    this.confirmations++;
    if (!this.isFinal) this.deadlineMs = Math.max(this.deadlineMs, sentMs + this.ttlMs - this.ttlMs / 100);
  }
}

test('a long lease that nobody renews ends, although leaders change more often than its ttl', () => {
  for (const officeMs of [25_000, 70_000, 200_000]) {
    const offices = quiet();
    offices.mutate({ type: 'leaseGrant', ttlMs }, { by: 'none' }, () => {});
    offices.runFor(100);
    changeOften(offices, officeMs, 6 * ttlMs);
    const endedMs = offices.expired.get(1);
    assert.ok(endedMs !== undefined, `with offices of ${officeMs} ms it lives still`);
    assert.ok(endedMs >= ttlMs, `with offices of ${officeMs} ms it ended after ${endedMs} ms`);
  }
});

test('a long session that is kept alive is never ended, however often leaders change', () => {
  for (const [seed, officeMs] of [25_000, 70_000, 200_000].entries()) {
    const offices = quiet(seed);
    offices.mutate({ type: 'sessionOpen', ttlMs, secretHash, metadata: {} }, { by: 'none' }, () => {});
    offices.runFor(1_000);
    const client = new Client(offices, 1, ttlMs, 0);
    client.keepAlive();
    changeOften(offices, officeMs, 12 * ttlMs);
    assert.deepEqual([...offices.expired], []);
    assert.ok(offices.checkpoints > 0, 'its time was noted, and made void again');
  }
});

test('in quiet times only those are noted who have missed a renewal, and short leases never', () => {
  const offices = quiet();
  for (const ttl of [ttlMs, 60_000]) offices.mutate({ type: 'leaseGrant', ttlMs: ttl }, { by: 'none' }, () => {});
  offices.runFor(100);
  const renewals = (): void => {
    for (const lease of [1, 2]) offices.renew(lease, () => {});
    // Cluster time is that of commands.
    offices.mutate({ type: 'compact', revision: 1 }, { by: 'none' }, () => {});
    offices.after(20_000, renewals);
  };
  renewals();
  // Longer than the longest ttl: from now on nobody can be left over from before.
  offices.runFor(ttlMs + 1_000);
  const before = offices.checkpoints;
  offices.runFor(3 * ttlMs);
  assert.equal(offices.checkpoints - before, 0);
  offices.elect();
  offices.runFor(100_000);
  assert.equal(offices.checkpoints - before, 0, 'the office before this one was long enough');
  offices.elect();
  offices.runFor(100_000);
  assert.ok(offices.checkpoints > before, 'the one before this one was not');
});

test('a renewal of what was noted is answered only when that is void', () => {
  const offices = quiet();
  offices.mutate({ type: 'leaseGrant', ttlMs }, { by: 'none' }, () => {});
  offices.runFor(60_000);
  assert.ok((offices.machine.deadlines().leases[0]?.remainingMs ?? ttlMs) < ttlMs - 40_000);
  let noted: number | null | undefined;
  offices.renew(1, () => {
    noted = offices.machine.deadlines().leases[0]?.remainingMs;
  });
  offices.runFor(1_000);
  assert.equal(noted, null);
});

/** A ttl of some seconds, looked at so often that everything falls together. */
const hastyPace = { aboveTtlMs: 1_000, everyMs: 250, quietAfterMs: 20_000 };
const hastyTtlMs = 6_000;
const maxDelayMs = 2_400;

/** A session of which the log says that a second is left. */
function sessionWithASecondLeft(): { readonly offices: Offices; readonly client: Client } {
  const offices = new Offices({ heartbeatMs: 50, pace: hastyPace, delayMs: 1, prng: prngOf(1) });
  offices.elect();
  offices.runFor(20);
  offices.mutate({ type: 'sessionOpen', ttlMs: hastyTtlMs, secretHash, metadata: {} }, { by: 'none' }, () => {});
  offices.runFor(5_500);
  assert.equal(offices.machine.deadlines().leases[0]?.remainingMs, 1_000);
  return { offices, client: new Client(offices, 1, hastyTtlMs, 0) };
}

test('what is noted and not yet applied keeps a renewal waiting, also when a mutation made void what was noted before', () => {
  const { client, offices } = sessionWithASecondLeft();
  client.renew();
  offices.runFor(20);
  offices.runFor(2_000);
  assert.ok((offices.machine.deadlines().leases[0]?.remainingMs ?? hastyTtlMs) < hastyTtlMs);
  offices.holds = true;
  client.mutate();
  offices.runFor(3_000);
  assert.equal(offices.waiting, 2, 'the mutation, and behind it a note of the time since');
  offices.commitOne();
  assert.equal(offices.machine.deadlines().leases[0]?.remainingMs, null);
  let confirmed = false;
  client.renew((done) => {
    confirmed = done;
  });
  offices.runFor(200);
  assert.equal(confirmed, false);
  offices.release();
  offices.runFor(200);
  assert.equal(confirmed, true);
});

test('no session ends before its client has given it up, whatever is noted, renewed and lost', () => {
  let confirmed = 0;
  for (let seed = 0; seed < seeds; seed++) {
    const prng = prngOf(seed);
    const offices = new Offices({
      heartbeatMs: 50,
      pace: hastyPace,
      delayMs: 20 + maxDelayMs * prng.next() ** 2,
      prng,
    });
    offices.elect();
    const clients: Client[] = [];
    const sentMs = offices.nowMs;
    for (let n = 1; n <= 4; n++) {
      const open = {
        type: 'sessionOpen',
        ttlMs: hastyTtlMs,
        secretHash: new Uint8Array(32).fill(n),
        metadata: {},
      } as const;
      offices.mutate(open, { by: 'none' }, () => {
        clients.push(new Client(offices, n, hastyTtlMs, sentMs));
      });
    }
    const untilMs = offices.nowMs + 60_000;
    let electionMs = hastyTtlMs;
    while (offices.nowMs < untilMs) {
      offices.runFor(prng.next() * 100);
      if (offices.nowMs >= electionMs) {
        offices.elect();
        electionMs = offices.nowMs + (0.2 + prng.next() ** 2) * hastyTtlMs;
      }
      for (const client of clients) {
        client.check();
        if (client.isFinal) continue;
        const endedMs = offices.expired.get(client.session);
        assert.equal(endedMs, undefined, `seed ${seed}: session ${client.session} of a client that believes in it`);
        client.actNow(prng);
      }
    }
    confirmed += clients.reduce((sum, client) => sum + client.confirmations, 0);
  }
  assert.ok(confirmed > seeds * 10, `only ${confirmed} confirmations`);
});
