import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import type { MemberId } from '@conclave/core';
import type { Member } from '@conclave/member';
import type { MemberStanding, Mutation, Operation } from '@conclave/protocol';
import { clientUrlOf, peerUrlOf, TestCluster } from '../../testing/cluster.ts';
import { RawClient } from '../../testing/raw-client.ts';

const pollMs = 5;

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, pollMs));
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** A cluster whose members come and go, and what an operator does to it. */
class Changing {
  readonly cluster: TestCluster;
  readonly #stopping = new AbortController();
  #acknowledged: string[] = [];
  #loop: Promise<void> = Promise.resolve();

  static async start(context: TestContext, count: number): Promise<Changing> {
    const changing = new Changing(await TestCluster.start(count));
    context.after(async () => {
      changing.#stopping.abort();
      await changing.#loop;
      await changing.cluster.stop();
    });
    await until(() => changing.cluster.leader !== null);
    return changing;
  }

  private constructor(cluster: TestCluster) {
    this.cluster = cluster;
  }

  /** Writes go on until `judge`, through whoever leads. */
  write(): void {
    const write = async (): Promise<void> => {
      for (let at = 0; !this.#stopping.signal.aborted; at++) {
        const key = `k${at}`;
        await this.ask({ type: 'put', key: bytes(key), value: bytes(key), lease: null, returnPrevious: false });
        this.#acknowledged.push(key);
      }
    };
    this.#loop = write();
    this.#loop.catch(() => {});
  }

  /** Ten more writes are acknowledged. */
  async progress(): Promise<void> {
    const target = this.#acknowledged.length + 10;
    await until(() => this.#acknowledged.length >= target);
  }

  /** Every acknowledged write is on every member that is to be there. */
  async judge(ids: readonly number[]): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
    const range = { key: bytes('k'), end: bytes('l') };
    for (const id of ids) {
      const client = new RawClient(this.#member(id));
      const counting = { keysOnly: true, countOnly: true, modifiedSince: null } as const;
      const found = await client.ask({
        type: 'range',
        range,
        revision: null,
        limit: 0,
        order: 'ascending',
        ...counting,
      });
      assert.ok(found.type === 'range');
      assert.equal(found.count, this.#acknowledged.length);
    }
  }

  /** Asks whoever leads, and again when it could not. Every request has a key, so it happens once. */
  async ask(operation: Operation): ReturnType<RawClient['ask']> {
    for (;;) {
      await until(() => this.cluster.leader !== null);
      const leader = this.cluster.leader ?? 0;
      const member = this.cluster.member(leader);
      if (member === undefined || member.removed !== null) continue;
      const client = new RawClient(member);
      const gone = until(() => this.cluster.member(leader) !== member || member.removed !== null).then(() => null);
      try {
        const answer = await Promise.race([client.ask(operation), gone]);
        if (answer !== null) return answer;
      } catch (error) {
        if (!/UNAVAILABLE|OUTCOME_UNKNOWN|not on record yet/.test(String(error))) throw error;
      }
    }
  }

  /** Adds it to the table, and starts it. */
  async add(role: 'voter' | 'learner' = 'voter'): Promise<number> {
    const secret = crypto.getRandomValues(new Uint8Array(16));
    const joinSecretHash = createHash('sha256').update(secret).digest();
    const id = Math.max(...this.cluster.ids) + 1;
    const addresses = { clientUrl: clientUrlOf(id), peerUrl: peerUrlOf(id) };
    const added = await this.ask({ type: 'memberAdd', name: null, ...addresses, joinSecretHash, role });
    assert.deepEqual(added, { type: 'memberAdd', member: id });
    await this.cluster.join(id, secret);
    return id;
  }

  async setRole(member: number, role: Extract<Mutation, { type: 'memberRole' }>['role']): Promise<void> {
    await this.ask({ type: 'memberRole', member, role });
  }

  /** All that are to be there have this configuration, and nothing is under way. */
  async settled(voters: readonly number[], learners: readonly number[] = []): Promise<void> {
    const wanted = JSON.stringify([voters, learners]);
    await until(() =>
      [...voters, ...learners].every((id) => {
        const members = this.cluster.member(id)?.status.members ?? [];
        const of = (standing: MemberStanding): number[] =>
          members.filter((one) => one.standing === standing).map((one) => one.id);
        return (
          members.length === voters.length + learners.length && JSON.stringify([of('voter'), of('learner')]) === wanted
        );
      }),
    );
  }

  #member(id: number): Member {
    const member = this.cluster.member(id);
    if (member === undefined) throw new Error(`member ${id} does not run`);
    return member;
  }
}

test('a cluster grows from one to three to five and shrinks to three, its first leader among those who go, while clients write', async (context) => {
  const changing = await Changing.start(context, 1);
  await changing.settled([1]);
  changing.write();
  await changing.add();
  await changing.add();
  await changing.settled([1, 2, 3]);
  await changing.progress();
  await changing.add();
  await changing.add();
  await changing.settled([1, 2, 3, 4, 5]);
  await changing.progress();
  await changing.setRole(1, 'removed');
  await changing.setRole(2, 'removed');
  await changing.settled([3, 4, 5]);
  await changing.progress();
  await changing.judge([3, 4, 5]);
});

test('one member is replaced by another while clients write', async (context) => {
  const changing = await Changing.start(context, 3);
  changing.write();
  const next = await changing.add();
  await changing.settled([1, 2, 3, next]);
  await changing.cluster.kill(2);
  await changing.setRole(2, 'removed');
  await changing.settled([1, 3, next]);
  await changing.progress();
  await changing.judge([1, 3, next]);
});

test('a leader that is killed in the middle of a change leaves it to the next one', async (context) => {
  const changing = await Changing.start(context, 3);
  changing.write();
  for (const step of ['added', 'joint']) {
    const before = changing.cluster.ids.filter((id) => changing.cluster.member(id) !== undefined);
    const next = await changing.add();
    const leader = changing.cluster.leader ?? 0;
    const promotion = (): boolean => {
      const { voters, votersOutgoing } = (changing.cluster.member(leader) as Member).raft.configuration;
      return votersOutgoing.length > 0 || voters.includes(next as MemberId);
    };
    if (step === 'joint') await until(promotion);
    await changing.cluster.kill(leader);
    await changing.cluster.restart(leader);
    await changing.settled([...before, next]);
    await changing.progress();
  }
  await changing.judge([1, 2, 3, 4, 5]);
});

test('a learner stays one until it is promoted, and a voter that is demoted is one again', async (context) => {
  const changing = await Changing.start(context, 1);
  const id = await changing.add('learner');
  await changing.settled([1], [id]);
  assert.equal(changing.cluster.member(1)?.status.members.find((one) => one.id === id)?.role, 'learner');
  await changing.setRole(id, 'voter');
  await changing.settled([1, id]);
  await changing.setRole(id, 'learner');
  await changing.settled([1], [id]);
});

test('a voter that is to go stays while without it too few could be reached, and goes when they can', async (context) => {
  const changing = await Changing.start(context, 3);
  await changing.settled([1, 2, 3]);
  const leader = changing.cluster.leader ?? 0;
  const [live = 0, dead = 0] = changing.cluster.ids.filter((id) => id !== leader);
  await changing.cluster.kill(dead);
  await until(() => changing.cluster.member(leader)?.raft.peers.find(({ id }) => id === dead)?.state === 'probe');
  await changing.setRole(live, 'removed');
  await until(() => changing.cluster.said.some(({ message }) => message === 'a change of the members waits'));
  await changing.ask({ type: 'put', key: bytes('x'), value: bytes('x'), lease: null, returnPrevious: false });
  const { configuration } = (changing.cluster.member(leader) as Member).raft;
  assert.deepEqual(configuration.voters, [1, 2, 3]);
  await changing.cluster.restart(dead);
  await changing.settled([leader, dead].toSorted((a, b) => a - b));
});

test('a removed member says so, sends its clients to the others, and disturbs nobody', async (context) => {
  const changing = await Changing.start(context, 3);
  await changing.settled([1, 2, 3]);
  const leader = changing.cluster.leader ?? 0;
  const gone = changing.cluster.ids.find((id) => id !== leader) ?? 0;
  const member = changing.cluster.member(gone) as Member;
  const client = new RawClient(member);
  await client.wait('welcome');
  await changing.setRole(gone, 'removed');
  const { error } = await client.wait('goodbye');
  assert.match(error.message, /was removed from the cluster: its members are at ws:/);
  const told = client.received.findLast((message) => message.type === 'membersChanged');
  assert.deepEqual(
    told?.type === 'membersChanged' ? told.members.map(({ id }) => id) : [],
    changing.cluster.ids.filter((id) => id !== gone),
  );
  assert.match((await new RawClient(member).wait('goodbye')).error.message, /was removed/);
  const { term } = (changing.cluster.member(leader) as Member).raft;
  await changing.settled(changing.cluster.ids.filter((id) => id !== gone));
  await changing.ask({ type: 'put', key: bytes('x'), value: bytes('x'), lease: null, returnPrevious: false });
  assert.equal((changing.cluster.member(leader) as Member).raft.term, term);
});

test('a leader that is removed leads no change of its own going: it has handed over before', async (context) => {
  const changing = await Changing.start(context, 3);
  await changing.settled([1, 2, 3]);
  const gone = changing.cluster.leader ?? 0;
  const member = changing.cluster.member(gone) as Member;
  const roles: string[] = [];
  const look = async (): Promise<void> => {
    while (member.removed === null) {
      const { configuration, role } = member.raft;
      if (configuration.votersOutgoing.length > 0) roles.push(role);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await Promise.all([look(), changing.setRole(gone, 'removed')]);
  assert.ok(roles.length > 0, 'the joint configuration was not seen');
  assert.ok(!roles.includes('leader'), 'it led the change');
  await changing.settled(changing.cluster.ids.filter((id) => id !== gone));
});

test('a member that was away when it was removed is turned away when it comes back, with the reason', async (context) => {
  const changing = await Changing.start(context, 3);
  await changing.settled([1, 2, 3]);
  const gone = changing.cluster.ids.find((id) => id !== changing.cluster.leader) ?? 0;
  await changing.cluster.kill(gone);
  await changing.setRole(gone, 'removed');
  await changing.settled(changing.cluster.ids.filter((id) => id !== gone));
  await changing.cluster.restart(gone);
  await until(() => changing.cluster.member(gone)?.removed !== null);
  assert.match(changing.cluster.member(gone)?.removed ?? '', /says that this member was removed from the cluster/);
});

test('a member whose disk was wiped is turned away, and its place is not taken by whoever has no token', async (context) => {
  const changing = await Changing.start(context, 3);
  const id = await changing.add();
  await changing.settled([1, 2, 3, id]);
  await changing.cluster.wipe(id);
  const refusedBy = (reason: RegExp): number =>
    new Set(changing.cluster.said.filter(({ message }) => reason.test(message)).map(({ by }) => by)).size;
  await until(() => refusedBy(/was its disk wiped/) === 3);
  const next = Math.max(...changing.cluster.ids) + 1;
  const addresses = { clientUrl: clientUrlOf(next), peerUrl: peerUrlOf(next) };
  const joinSecretHash = new Uint8Array(32);
  await changing.ask({ type: 'memberAdd', name: null, ...addresses, joinSecretHash, role: 'voter' });
  await changing.cluster.join(next, new Uint8Array(16));
  await until(() => refusedBy(/does not prove who it is/) === 3);
});

test('lease reads are turned on and off for the cluster as a whole', async (context) => {
  const changing = await Changing.start(context, 3);
  for (const leaseReads of [true, false]) {
    await changing.ask({ type: 'clusterSet', leaseReads });
    await until(() =>
      changing.cluster.ids.every((id) => changing.cluster.member(id)?.raft.configuration.leaseReads === leaseReads),
    );
  }
});
