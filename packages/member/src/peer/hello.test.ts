import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Acknowledged, Index, MemberId, Term } from '@conclave/core';
import type { LogStore } from '@conclave/storage';
import { initMemoryStorage, MemoryDisk, openMemoryStorage } from '@conclave/storage/memory';
import { Admission, decodeHello, encodeHello, type PeerHello } from './hello.ts';

const ids = [1, 2] as MemberId[];
const [self, peer] = ids as [MemberId, MemberId];
const storeUuid = '00000000-0000-4000-8000-000000000002';

function pair(term: number, index: number): Acknowledged {
  return { term: term as Term, index: index as Index };
}

function hello(changes: Partial<PeerHello> = {}): PeerHello {
  return { clusterId: 'c', memberId: peer, to: self, storeUuid, bootId: 7, acknowledged: pair(3, 10), ...changes };
}

async function openLog(): Promise<LogStore> {
  const disk = new MemoryDisk();
  const configuration = { voters: ids, votersOutgoing: [], learners: [], learnersNext: [], leaseReads: false };
  const own = { clusterId: 'c', memberId: self };
  initMemoryStorage(disk, { ...own, storeUuid: '00000000-0000-4000-8000-000000000001', configuration });
  return (await openMemoryStorage(disk, own)).log;
}

async function admission(): Promise<Admission> {
  return new Admission({ clusterId: 'c', id: self, members: new Set(ids) }, await openLog());
}

test('a hello is read as it was written', () => {
  assert.deepEqual(decodeHello(encodeHello(hello())), hello());
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
