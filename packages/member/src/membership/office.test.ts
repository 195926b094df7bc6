import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ConfigurationChange, configurationOf, type MemberId, type RaftStatus } from '@conclave/core';
import type { Membership } from '@conclave/state-machine';
import { TransferError } from '../transfer-refusal.ts';
import { MembershipOffice } from './office.ts';

type Role = Membership['members'][number]['role'];

/** The office of leader 1 among three voters, of which 3 holds more of the log than 2, and what it does. */
class Bench {
  readonly changes: ConfigurationChange[] = [];
  readonly handedTo: number[] = [];
  roles: Record<number, Role>;
  readonly office: MembershipOffice;
  readonly #voters: readonly number[];
  #fail: (error: Error) => void = () => {};

  /** `voters`: all but 4, which has caught up to be one. */
  constructor(voters: readonly number[] = [1, 2, 3]) {
    this.#voters = voters;
    this.roles = { ...Object.fromEntries(voters.map((id) => [id, 'voter' as const])), 4: 'learner' };
    this.office = new MembershipOffice({
      timers: { after: () => () => {}, soon: (run) => run() },
      log: { info: () => {}, warn: () => {}, error: () => {} },
      lookEveryMs: 100,
      electionMs: 1_000,
      founders: [],
      raft: () => this.#raft(),
      membership: () => this.#table(),
      change: (change) => this.changes.push(change),
      propose: () => {},
      handOver: async (to) => {
        this.handedTo.push(to);
        return new Promise((_resolve, reject) => {
          this.#fail = reject;
        });
      },
    });
    this.office.open();
  }

  #raft(): RaftStatus {
    const peer = (id: number, match: number): object => ({
      id,
      match,
      state: 'replicate',
      sinceLastContactMs: 10,
      caughtUp: true,
    });
    const configuration = { ...configurationOf(this.#voters as MemberId[]), learners: [4] };
    return { id: 1, configuration, peers: [peer(2, 8), peer(3, 9), peer(4, 9)] } as object as RaftStatus;
  }

  #table(): Membership {
    const members = Object.entries(this.roles).map(([id, role]) => ({ member: Number(id), role }));
    return { changedAt: 1, nextMember: 5, leaseReads: false, members } as object as Membership;
  }

  want(roles: Record<number, Role>): void {
    this.roles = { ...this.roles, ...roles };
    this.office.changed();
  }

  async transferFails(): Promise<void> {
    this.#fail(new TransferError('target-unreachable'));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

for (const role of ['removed', 'learner'] as const) {
  test(`a leader that is to be ${role} hands over to who lacks least of those that stay, and leaves the change to it`, () => {
    const bench = new Bench();
    bench.want({ 1: role });
    assert.deepEqual([bench.handedTo, bench.changes], [[3], []]);
    bench.office.changed();
    assert.deepEqual([bench.handedTo, bench.changes], [[3], []], 'once');
  });
}

test('it does not hand over to who leaves with it; with nobody else it makes the change itself', () => {
  const leaving = new Bench();
  leaving.want({ 1: 'removed', 3: 'removed' });
  assert.deepEqual(leaving.handedTo, [2]);
  const last = new Bench([1]);
  last.want({ 1: 'removed', 4: 'voter' });
  assert.deepEqual([last.handedTo, last.changes.map(({ promote, remove }) => [promote, remove])], [[], [[[4], [1]]]]);
});

test('when leadership stays all the same, it makes the change itself, as the paper says', async () => {
  const bench = new Bench();
  bench.want({ 1: 'removed' });
  await bench.transferFails();
  assert.deepEqual(bench.handedTo, [3]);
  assert.deepEqual(
    bench.changes.map(({ remove }) => remove),
    [[1]],
  );
});

test('a leader that stays changes the others without handing anything over', () => {
  const bench = new Bench();
  bench.want({ 2: 'removed' });
  assert.deepEqual([bench.handedTo, bench.changes.length], [[], 1]);
});
