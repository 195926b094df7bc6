// The bytes of format 1, one record of each table. They are on disks: a change here is a new format, and this one stays readable.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Member } from '../../testing/member.ts';
import { acquire, election, lock, one, put, remove, session, sessionOpen } from '../../testing/operations.ts';
import { bytes, hex } from '../../testing/plain.ts';

const golden: Readonly<Record<string, string>> = {
  '01': '010000000000000004000000000000000000000000000000040000000000000007000000000000000200000000000000015a17fcd208af03ae',
  '020000000000000001':
    '0100002710000000000000000101000000200505050505050505050505050505050505050505050505050505050505050505000000000000000100010004006e0061006d0065000400740065007300745f1497351422e201',
  '03000000000000000100000000':
    '0180000000000000000000000001000001a0c4506c000100030061006e006e0100030077006800790000000000000000000000016b0000000000000001000000000000000100000000000000000000000176abfa1f4ececebfa7',
  '03000000000000000200000000':
    '0180000000000000000100000001000001a0c4506c0000000000000000000000000000030065650000000000000002000000000000000100000000000000010000000963616e646964617465f5e93c878fb4a33f',
  '03000000000000000400000000':
    '0181000000000000000200000001000001a0c4506c0000000000000000000001000000016bcb90f6235010e59a',
  '0400000000000000010000000000000002':
    '0100000002656500000000000000030000000000000002000001a0c4506c0000000032010000000963616e646964617465e1516e9af3d55bde',
  '056c6c': '010000000000000003000027107a4690c2e407eb34',
  '0600000000000000010000000000000001': '01000000000000000004930101c02b1b16288c60cd23',
  '0600000000000000010000000000000002': '010000000003e399042dfb536d6c',
  '0600000000000000010000000000000003': '0100000000060000000000000003d65963e591b57f6a',
  '0600000000000000010000000000000004': '01000000000100010000f2130601d6854408',
  '076f6e6365': '01000000000000000500000000000927c70000000007940c03c3cd27100663f1efe0517f4c',
  '08': '0100000000000000030000000000000009000001142d1dc4ce5f9ce2',
  '0900000001':
    '010100010061000800770073003a002f002f0061003a0031000800770073003a002f002f0061003a003200ee93c8841a0f00e2',
  '0900000002':
    '010000010062000800770073003a002f002f0062003a0031000800770073003a002f002f0062003a003201000000200606060606060606060606060606060606060606060606060606060606060606ca935a15bb192e63',
};

test('records are written byte by byte as docs/state-format.md says', () => {
  const member = lived();
  const found = Object.fromEntries([...member.store.records].map(([key, { value }]) => [key, hex(value)]));
  assert.deepEqual(found, golden);
});

test('records of format 1 load', () => {
  const member = lived();
  const before = member.machine;
  member.restart();
  assert.deepEqual(member.machine.applied, before.applied);
  assert.deepEqual(member.machine.digest(), before.digest());
});

const [clientUrl, peerUrl] = ['ws://a:1', 'ws://a:2'];
const second = { name: 'b', clientUrl: 'ws://b:1', peerUrl: 'ws://b:2' };

function lived(): Member {
  const member = new Member();
  const at = { clusterTimeMs: 7, wallTimeMs: 1_790_000_000_000 };
  member.do(sessionOpen(5), at);
  member.do(put('k', 'v'), { ...at, ...session(1, 1), author: 'ann', reason: 'why' });
  member.do(acquire(election('e'), { lockDelayMs: 50 }), { ...at, ...session(1, 2) });
  member.do(acquire(lock('l')), { ...at, ...session(1, 3) });
  member.do(
    { type: 'lockBreak', name: lock('l'), fence: 3, now: false },
    { ...at, identity: { by: 'key', key: bytes('once') } },
  );
  member.do(remove(one('k')), at);
  member.do(Uint8Array.of(0xc1), { ...at, ...session(1, 4) });
  member.do({ type: 'memberSeed', members: [{ member: 1, name: 'a', clientUrl, peerUrl, role: 'voter' }] }, at);
  member.do({ type: 'memberAdd', ...second, joinSecretHash: new Uint8Array(32).fill(6), role: 'learner' }, at);
  member.checkpoint();
  return member;
}
