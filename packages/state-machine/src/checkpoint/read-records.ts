// From the bytes of a record to what it stands for. `live-record.ts` writes them.
import type { LeaseId, PastHold } from '@conclave/protocol';
import type { Counters } from '../counters.ts';
import { DamagedStateError } from '../damage.ts';
import { latin1Of } from '../keys/key-bytes.ts';
import { isSession, Lease, Session, type SessionLease } from '../leases/lease.ts';
import { modeOfNumber, upgradingNumber } from '../locks/claim-mode.ts';
import { type Claim, Lock, LockRequest, lockKey, lockNameOf } from '../locks/lock.ts';
import { endOfNumber, PastHolds } from '../locks/past.ts';
import { type ClusterRecord, MemberRecord } from '../members/member-record.ts';
import { roleOfNumber } from '../records/member-role.ts';
import { RecordReader } from '../records/record-reader.ts';
import { read32, read64, recordFormat } from '../records/tables.ts';
import { Keyed, Remembered } from '../sessions/remembered.ts';
import type { State } from '../state.ts';
import { readAnswer } from './answer-record.ts';
import type { LiveRecord } from './record-key.ts';

export function loadCounters(counters: Counters, key: Uint8Array, value: Uint8Array): void {
  const reader = open(key, value);
  counters.revision = reader.u64();
  counters.compacted = reader.u64();
  counters.lastChange = reader.u64();
  counters.clusterTimeMs = reader.u64();
  counters.nextLease = reader.u64();
  counters.incarnation = reader.u64();
  close(reader, counters);
}

export function loadLease(state: State, key: Uint8Array, value: Uint8Array): Lease {
  const reader = open(key, value);
  const ttlMs = reader.u32();
  const generation = reader.u64();
  const remainingMs = reader.u32();
  const session = reader.u8() === 0 ? null : readSession(reader);
  const lease = new Lease(read64(key, 1), ttlMs, generation, remainingMs === 0 ? null : remainingMs, session);
  close(reader, lease);
  state.leases.set(lease.id, lease);
  if (isSession(lease)) state.secrets.set(latin1Of(lease.session.secretHash), lease);
  return lease;
}

function readSession(reader: RecordReader): Session {
  const secretHash = reader.blob().slice();
  const acknowledgedBelow = reader.u64();
  const epoch = reader.u64();
  const names: [string, string][] = [];
  for (let left = reader.u16(); left > 0; left--) names.push([reader.text(), reader.text()]);
  return new Session(secretHash, Object.fromEntries(names), acknowledgedBelow, epoch);
}

/** Not yet in its locks: the order of the table is not that of the queues. */
export function loadRequest(state: State, key: Uint8Array, value: Uint8Array): LockRequest {
  const reader: RecordReader = open(key, value);
  const owner = read64(key, 1);
  const claims: Claim[] = [];
  let isUpgrading = false;
  for (let left = reader.u16(); left > 0; left--) {
    const number = reader.u8();
    isUpgrading ||= number === upgradingNumber;
    claims.push(readClaim(state, reader, number === upgradingNumber ? 'shared' : modeOfNumber(number)));
  }
  reader.expect(claims.length > 0, 'a request that claims nothing');
  const order = reader.u64();
  const fence = reader.u64();
  const sinceWallMs = reader.u64();
  const lockDelayMs = reader.u32();
  const delayMs = reader.u32();
  const published = reader.nullableBlob()?.slice() ?? null;
  const keeping: number[] = [];
  for (let left = reader.u16(); left > 0; left--) keeping.push(reader.u64());
  const session = delayMs > 0 ? null : sessionOf(state, owner, 'a request for a lock');
  const sequence = read64(key, 9);
  const request = new LockRequest(
    claims,
    owner,
    session,
    sequence,
    order,
    lockDelayMs,
    published,
    keeping,
    sinceWallMs,
  );
  request.fence = fence;
  request.delayMs = delayMs;
  request.isUpgrading = isUpgrading;
  const mayUpgrade = fence > 0 && delayMs === 0 && claims.length === 1;
  reader.expect(!isUpgrading || mayUpgrade, 'an upgrade of what is no hold of one lock');
  reader.expect(fence > 0 || delayMs === 0, 'a delay behind no hold');
  close(reader, request);
  return request;
}

function readClaim(state: State, reader: RecordReader, mode: Claim['mode'] | undefined): Claim {
  reader.expect(mode !== undefined, 'unknown mode of a claim');
  const key = reader.latin1();
  const limit = reader.u32();
  return { lock: lockOf(state, key, limit), mode, count: reader.u32() };
}

/** Not yet in its place: the order of the table is not that of use. */
export function loadPast(key: Uint8Array, value: Uint8Array): PastHolds {
  const reader: RecordReader = open(key, value);
  const past = new PastHolds(latin1Of(key.subarray(1)));
  past.index = reader.u64();
  past.sub = reader.u32();
  const holds: PastHold[] = [];
  for (let left = reader.u16(); left > 0; left--) {
    const [session, sequence, fence] = [reader.u64(), reader.u64(), reader.u64()];
    const [sinceWallMs, endedWallMs] = [reader.u64(), reader.u64()];
    const end = endOfNumber(reader.u8());
    reader.expect(end !== undefined, 'unknown end of a hold');
    holds.push({ session, sequence, fence, sinceWallMs, endedWallMs, end });
  }
  past.holds = holds;
  close(reader, past);
  return past;
}

export function loadRemembered(state: State, key: Uint8Array, value: Uint8Array): Remembered {
  const reader = open(key, value);
  const session = sessionOf(state, read64(key, 1), 'an answer');
  const bytes = reader.u32();
  const remembered = new Remembered(session.id, read64(key, 9), readAnswer(reader), bytes);
  close(reader, remembered);
  session.session.remembered.set(remembered.sequence, remembered);
  session.session.rememberedBytes += bytes;
  return remembered;
}

/** The order of the table is not that of expiry: the caller sorts. */
export function loadKeyed(key: Uint8Array, value: Uint8Array): Keyed {
  const reader = open(key, value);
  const order = reader.u64();
  const expiresAtMs = reader.u64();
  const keyed = new Keyed(latin1Of(key.subarray(1)), order, expiresAtMs, readAnswer(reader));
  close(reader, keyed);
  return keyed;
}

export function loadCluster(cluster: ClusterRecord, key: Uint8Array, value: Uint8Array): void {
  const reader = open(key, value);
  cluster.nextMember = reader.u64();
  cluster.changedAt = reader.u64();
  cluster.leaseReads = reader.u8() === 1;
  cluster.level = reader.u16();
  close(reader, cluster);
}

export function loadMember(state: State, key: Uint8Array, value: Uint8Array): MemberRecord {
  const reader: RecordReader = open(key, value);
  const role = roleOfNumber(reader.u8());
  reader.expect(role !== undefined, 'unknown role');
  const [name, clientUrl, peerUrl] = [reader.text(), reader.text(), reader.text()];
  const hash = reader.nullableBlob()?.slice() ?? null;
  const member = new MemberRecord(read32(key, 1), role, name, clientUrl, peerUrl, hash);
  reader.expect(member.id < state.cluster.nextMember, 'a member whose id was not given out');
  close(reader, member);
  state.members.set(member.id, member);
  return member;
}

function sessionOf(state: State, id: LeaseId, what: string): SessionLease {
  const session = state.leases.get(id);
  if (!isSession(session)) throw new DamagedStateError(`${what} of session ${id}, which is none`);
  return session;
}

function lockOf(state: State, key: string, limit: number): Lock {
  const name = lockNameOf(key);
  if (name === null || lockKey(name) !== key) throw new DamagedStateError(`no lock is named ${JSON.stringify(key)}`);
  const known = state.locks.get(key);
  if (known !== undefined && known.limit !== limit) throw new DamagedStateError('a semaphore has two limits');
  if (known !== undefined) return known;
  const lock = new Lock(key, name, limit);
  state.locks.set(key, lock);
  return lock;
}

function open(key: Uint8Array, value: Uint8Array): RecordReader {
  const reader: RecordReader = new RecordReader(key, value);
  reader.expect(reader.u8() === recordFormat, 'unknown format');
  return reader;
}

function close(reader: RecordReader, record: LiveRecord): void {
  reader.end();
  record.high = reader.lanes.high;
  record.low = reader.lanes.low;
  record.stored = true;
}
