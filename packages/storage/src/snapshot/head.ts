// What the first and the last chunk of a snapshot say, as JSON: whoever looks into a backup file can read it without a program.
import type { SnapshotMeta } from '@conclave/core';
import { maxDigestBytes, maxSnapshotIdBytes } from '../bounds.ts';
import { isClusterId, isMemberId } from '../identity.ts';
import type { Checkpoint } from '../storage.ts';
import { assertUse } from '../storage-error.ts';
import { badChunk, chunkHeaderBytes } from './chunk.ts';

export interface SnapshotHead {
  readonly clusterId: string;
  readonly meta: SnapshotMeta;
  /** The state machine's, of the checkpoint. */
  readonly digest: Uint8Array;
  /** About how much it will take on the receiver's disk. */
  readonly bytes: number;
  /** When it was made, in milliseconds since 1970: for people to read. 0: not known. */
  readonly savedAtMs: number;
}

export interface SnapshotTrailer {
  readonly records: number;
  /** Of keys and values. */
  readonly bytes: number;
}

const idPattern = /^[\x21-\x7e]+$/;

export function assertSnapshotId(id: string): void {
  assertUse(
    id.length <= maxSnapshotIdBytes && idPattern.test(id),
    `a snapshot's id is 1 to ${maxSnapshotIdBytes} printable ASCII characters without spaces, not ${JSON.stringify(id)}`,
  );
}

export function sameSnapshot(a: SnapshotMeta, b: SnapshotMeta): boolean {
  return identityText(a) === identityText(b);
}

/** The state as it will be once the log has switched to it. */
export function checkpointOf({ meta, digest }: SnapshotHead): Checkpoint {
  return { position: meta.position, configuration: meta.configuration, digest };
}

/** With room for the chunk's header in front. */
export function encodeHead(head: SnapshotHead): Uint8Array {
  const { clusterId, meta, digest, bytes, savedAtMs } = head;
  const { id, position, configuration } = meta;
  const digestHex = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return jsonFrame({ clusterId, id, position, configuration, digest: digestHex, bytes, savedAtMs });
}

/** Whose a snapshot must be. */
export interface ExpectedSnapshot {
  readonly clusterId: string;
  readonly meta: SnapshotMeta;
}

/** Throws `bad-chunk` unless it is the head of the expected snapshot. Null: of any, as of a file whose head is all that is known. */
export function decodeHead(payload: Uint8Array, expected: ExpectedSnapshot | null): SnapshotHead {
  const found = parse(payload, 0);
  const { clusterId, id, position, configuration } = found as unknown as SnapshotMeta & { readonly clusterId: string };
  const meta = expected?.meta ?? metaOf({ id, position, configuration });
  if (!isClusterId(clusterId)) throw badChunk(0, 'its cluster is none');
  if (expected !== null && clusterId !== expected.clusterId)
    throw badChunk(0, `it is of cluster ${JSON.stringify(clusterId)}`);
  if (identityText({ id, position, configuration }) !== identityText(meta)) {
    throw badChunk(0, `it is of snapshot ${JSON.stringify({ id, position, configuration })}`);
  }
  const { digest: digestHex, bytes, savedAtMs } = found;
  if (typeof digestHex !== 'string' || !/^([0-9a-f]{2})*$/.test(digestHex) || digestHex.length > 2 * maxDigestBytes) {
    throw badChunk(0, 'its digest is none');
  }
  if (!isCount(bytes) || !isCount(savedAtMs)) throw badChunk(0, 'its size or its time is none');
  const digest = Uint8Array.from(digestHex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  return { clusterId, meta, digest, bytes, savedAtMs };
}

export function encodeTrailer({ records, bytes }: SnapshotTrailer): Uint8Array {
  return jsonFrame({ records, bytes });
}

export function decodeTrailer(payload: Uint8Array, number: number): SnapshotTrailer {
  const { records, bytes } = parse(payload, number);
  if (!isCount(records) || !isCount(bytes)) throw badChunk(number, 'its counts are none');
  return { records, bytes };
}

/** Of a head that is not known beforehand. */
function metaOf({ id, position, configuration }: SnapshotMeta): SnapshotMeta {
  const { voters, votersOutgoing, learners, learnersNext } = configuration ?? {};
  const lists: readonly unknown[] = [voters, votersOutgoing, learners, learnersNext];
  const areLists = lists.every((list) => Array.isArray(list) && list.every(isMemberId));
  const isWhole = typeof id === 'string' && isCount(position?.index) && isCount(position.term) && areLists;
  if (!isWhole) throw badChunk(0, 'it does not say of which state it is');
  return { id, position, configuration };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Field by field: what comes from a peer has its fields in any order. */
function identityText({ id, position, configuration }: SnapshotMeta): string {
  const { voters, votersOutgoing, learners, learnersNext, leaseReads } = configuration ?? {};
  const { index, term } = position ?? {};
  return JSON.stringify([id, index, term, voters, votersOutgoing, learners, learnersNext, leaseReads]);
}

function jsonFrame(value: object): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(value));
  const frame = new Uint8Array(chunkHeaderBytes + text.length);
  frame.set(text, chunkHeaderBytes);
  return frame;
}

function parse(payload: Uint8Array, number: number): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(payload));
    if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>;
  } catch {
    // Said below.
  }
  throw badChunk(number, 'it is no JSON object');
}
