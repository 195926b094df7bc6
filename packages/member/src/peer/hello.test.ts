import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Acknowledged, configurationOf, type Index, type MemberId, type Term } from '@conclave/core';
import type { LogStore } from '@conclave/storage';
import { initMemoryStorage, MemoryDisk, openMemoryStorage } from '@conclave/storage/memory';
import { Directory } from '../membership/directory.ts';
import { Admission, decodeHello, encodeHello, type PeerHello } from './hello.ts';

const ids = [1, 2] as MemberId[];
const [self, peer] = ids as [MemberId, MemberId];
const storeUuid = '00000000-0000-4000-8000-000000000002';

function pair(term: number, index: number): Acknowledged {
  return { term: term as Term, index: index as Index };
}

function hello(changes: Partial<PeerHello> = {}): PeerHello {
  return {
    clusterId: 'c',
    memberId: peer,
    to: self,
    storeUuid,
    bootId: 7,
    acknowledged: pair(3, 10),
    membersChangedAt: 0,
    peerUrl: 'ws://p2:1',
    joinSecret: null,
    ...changes,
  };
}

async function openLog(): Promise<LogStore> {
  const disk = new MemoryDisk();
  const own = { clusterId: 'c', memberId: self };
  initMemoryStorage(disk, { ...own, storeUuid: '00000000-0000-4000-8000-000000000001', configuration });
  return (await openMemoryStorage(disk, own)).log;
}

const configuration = configurationOf(ids);

function hash(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes, (byte) => byte ^ 0xff);
}

async function admission(directory = new Directory(self, [], configuration)): Promise<Admission> {
  return new Admission({ clusterId: 'c', id: self }, directory, await openLog(), hash);
}

test('a hello is read as it was written', () => {
  for (const joinSecret of [null, Uint8Array.of(1, 2)]) {
    assert.deepEqual(decodeHello(encodeHello(hello({ joinSecret }))), hello({ joinSecret }));
  }
});

test('a peer of another cluster, with another aim, or unknown is refused by name', async () => {
  const door = await admission();
  await assert.rejects(door.admit(hello({ clusterId: 'd' })), /of cluster d, this is c/);
  await assert.rejects(door.admit(hello({ to: peer })), /means to talk to member 2, this is 1/);
  await assert.rejects(door.admit(hello({ memberId: 9 as MemberId })), /member 9 is none of this cluster's/);
});

test('a peer that comes back with another store is refused: its disk was wiped', async () => {
  const door = await admission();
  await door.admit(hello());
  const other = '00000000-0000-4000-8000-000000000003';
  await assert.rejects(door.admit(hello({ storeUuid: other, bootId: 8 })), /was its disk wiped/);
});

test('a process whose disk brought back less than it once acknowledged is refused', async () => {
  const door = await admission();
  await door.admit(hello());
  door.witness(peer, pair(3, 12));
  await assert.rejects(door.admit(hello({ bootId: 8, acknowledged: pair(3, 11) })), /has lost what it acknowledged/);
  await assert.rejects(door.admit(hello({ bootId: 8, acknowledged: pair(2, 50) })), /has lost what it acknowledged/);
  await door.admit(hello({ bootId: 8, acknowledged: pair(3, 12) }));
});

test('a later hello of the same process is not held against what it has acknowledged since', async () => {
  const door = await admission();
  await door.admit(hello());
  // Over the other lane, while this hello was on its way.
  door.witness(peer, pair(3, 12));
  await door.admit(hello({ acknowledged: pair(3, 11) }));
});

const secret = Uint8Array.of(5, 6);
const table = {
  nextMember: 5,
  changedAt: 40,
  leaseReads: false,
  members: [
    { member: 1, name: 'a', clientUrl: 'ws://a:1', peerUrl: 'ws://a:2', role: 'voter', joinSecretHash: null },
    { member: 3, name: 'c', clientUrl: 'ws://c:1', peerUrl: 'ws://c:2', role: 'learner', joinSecretHash: hash(secret) },
    { member: 4, name: 'd', clientUrl: 'ws://d:1', peerUrl: 'ws://d:2', role: 'removed', joinSecretHash: null },
  ],
} as const;

function seeded(counted: readonly number[] = [1]): Directory {
  const directory = new Directory(self, [], configuration);
  directory.update(table, counted as MemberId[]);
  return directory;
}

test('whoever joins proves it once, to everybody who meets it for the first time, and is known by its store from then on', async () => {
  const door = await admission(seeded());
  const joining = { memberId: 3 as MemberId };
  await assert.rejects(door.admit(hello(joining)), /does not prove who it is/);
  await assert.rejects(door.admit(hello({ ...joining, joinSecret: Uint8Array.of(6, 5) })), /does not prove who it is/);
  await door.admit(hello({ ...joining, joinSecret: secret }));
  await door.admit(hello(joining));
  const other = { storeUuid: '00000000-0000-4000-8000-000000000009', bootId: 8, joinSecret: secret };
  await assert.rejects(door.admit(hello({ ...joining, ...other })), /was its disk wiped/);
});

test('a removed member is refused as such, also one that is no longer remembered, but not while the configuration counts it', async () => {
  for (const memberId of [2, 4] as MemberId[]) {
    const door = await admission(seeded());
    await assert.rejects(door.admit(hello({ memberId, membersChangedAt: 99 })), { isRemoved: true });
    await (await admission(seeded([1, memberId]))).admit(hello({ memberId }));
  }
});

test('a member that is not known here is let in only if it knows more of the members', async () => {
  const door = await admission(seeded());
  const newer = { memberId: 5 as MemberId };
  await assert.rejects(door.admit(hello({ ...newer, membersChangedAt: 40 })), /member 5 is none of this cluster's/);
  await door.admit(hello({ ...newer, membersChangedAt: 41 }));
});

test('with a new peer the stores of removed members are forgotten: a cluster may replace its members without end', async () => {
  const log = await openLog();
  const directory = new Directory(self, [], configuration);
  const door = new Admission({ clusterId: 'c', id: self }, directory, log, hash);
  const present = (id: number): object => ({ ...table.members[0], member: id });
  for (let id = 2; id < 1_100; id++) {
    directory.update({ ...table, nextMember: id + 1, members: [present(1), present(id)] as never }, [self]);
    await door.admit(hello({ memberId: id as MemberId }));
  }
  assert.deepEqual([...log.peerStores.keys()], [1_099]);
  await assert.rejects(door.admit(hello({ memberId: 500 as MemberId })), { isRemoved: true });
});

test('two stores at once under one id: the second is refused, and that is no failure of this member', async () => {
  const door = await admission();
  const other = '00000000-0000-4000-8000-000000000003';
  const both = await Promise.allSettled([door.admit(hello()), door.admit(hello({ storeUuid: other, bootId: 8 }))]);
  assert.deepEqual(
    both.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  );
  assert.equal(both[1]?.status === 'rejected' && (both[1].reason as Error).name, 'PeerRefusedError');
});
