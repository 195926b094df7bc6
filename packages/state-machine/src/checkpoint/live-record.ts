// The bytes of each record of the live state but history. docs/state-format.md describes them; `read-records.ts` reads them.
import type { Counters } from '../counters.ts';
import type { Lease } from '../leases/lease.ts';
import { modeNumbers, upgradingNumber } from '../locks/claim-mode.ts';
import type { LockRequest } from '../locks/lock.ts';
import { endNumbers, type PastHolds } from '../locks/past.ts';
import type { ClusterRecord, MemberRecord } from '../members/member-record.ts';
import { roleNumbers } from '../records/member-role.ts';
import type { RecordWriter } from '../records/record-writer.ts';
import { recordFormat } from '../records/tables.ts';
import { writeAnswer } from './answer-record.ts';
import type { LiveRecord } from './record-key.ts';

/** Leaves the seal in the record. */
export function encodeRecord(writer: RecordWriter, key: Uint8Array, record: LiveRecord): Uint8Array {
  writer.begin().u8(recordFormat);
  switch (record.table) {
    case 'counters':
      writeCounters(writer, record);
      break;
    case 'lease':
      writeLease(writer, record);
      break;
    case 'request':
      writeRequest(writer, record);
      break;
    case 'past':
      writePast(writer, record);
      break;
    case 'response':
      writer.u32(record.bytes);
      writeAnswer(writer, record.answer);
      break;
    case 'idempotency':
      writer.u64(record.order).u64(record.expiresAtMs);
      writeAnswer(writer, record.answer);
      break;
    case 'cluster':
      writeCluster(writer, record);
      break;
    case 'member':
      writeMember(writer, record);
      break;
  }
  return writer.seal(key, record).take();
}

function writeCounters(writer: RecordWriter, counters: Counters): void {
  writer.u64(counters.revision).u64(counters.compacted).u64(counters.lastChange);
  writer.u64(counters.clusterTimeMs).u64(counters.nextLease).u64(counters.incarnation);
}

function writeLease(writer: RecordWriter, lease: Lease): void {
  writer
    .u32(lease.ttlMs)
    .u64(lease.generation)
    .u32(lease.remainingMs ?? 0);
  const { session } = lease;
  if (session === null) {
    writer.u8(0);
    return;
  }
  const names = Object.entries(session.metadata);
  writer.u8(1).blob(session.secretHash).u64(session.acknowledgedBelow).u64(session.epoch);
  writer.u16(names.length);
  for (const [name, text] of names) writer.text(name).text(text);
}

function writeRequest(writer: RecordWriter, request: LockRequest): void {
  writer.u16(request.claims.length);
  for (const { count, lock, mode } of request.claims) {
    writer
      .u8(request.isUpgrading ? upgradingNumber : modeNumbers[mode])
      .latin1(lock.key)
      .u32(lock.limit)
      .u32(count);
  }
  writer.u64(request.order).u64(request.fence).u64(request.sinceWallMs);
  writer.u32(request.lockDelayMs).u32(request.delayMs).nullableBlob(request.value).u16(request.keeping.length);
  for (const sequence of request.keeping) writer.u64(sequence);
}

function writeCluster(writer: RecordWriter, { changedAt, leaseReads, level, nextMember }: ClusterRecord): void {
  writer
    .u64(nextMember)
    .u64(changedAt)
    .u8(leaseReads ? 1 : 0)
    .u16(level);
}

function writeMember(writer: RecordWriter, member: MemberRecord): void {
  writer.u8(roleNumbers[member.role]).text(member.name).text(member.clientUrl).text(member.peerUrl);
  writer.nullableBlob(member.joinSecretHash);
}

function writePast(writer: RecordWriter, { holds, index, sub }: PastHolds): void {
  writer.u64(index).u32(sub).u16(holds.length);
  for (const { end, endedWallMs, fence, sequence, session, sinceWallMs } of holds) {
    writer.u64(session).u64(sequence).u64(fence).u64(sinceWallMs).u64(endedWallMs).u8(endNumbers[end]);
  }
}
