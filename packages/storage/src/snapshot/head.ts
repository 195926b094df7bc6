// What the first and the last chunk of a snapshot say, as JSON: whoever looks into a backup file can read it without a program.
import type { SnapshotMeta } from '@conclave/core';
import { maxDigestBytes, maxSnapshotIdBytes } from '../bounds.ts';
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
  const { clusterId, meta, digest, bytes } = head;
  const { id, position, configuration } = meta;
  const digestHex = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return jsonFrame({ clusterId, id, position, configuration, digest: digestHex, bytes });
}

/** Throws `bad-chunk` unless it is the head of the expected snapshot. */
export function decodeHead(
  payload: Uint8Array,
  expected: { readonly clusterId: string; readonly meta: SnapshotMeta },
): SnapshotHead {
  const found = parse(payload, 0);
  const { clusterId, meta } = expected;
  if (found['clusterId'] !== clusterId) throw badChunk(0, `it is of cluster ${JSON.stringify(found['clusterId'])}`);
  const { id, position, configuration } = found as unknown as SnapshotMeta;
  if (identityText({ id, position, configuration }) !== identityText(meta)) {
    throw badChunk(0, `it is of snapshot ${JSON.stringify({ id, position, configuration })}`);
  }
  const { digest: digestHex, bytes } = found;
  if (typeof digestHex !== 'string' || !/^([0-9a-f]{2})*$/.test(digestHex) || digestHex.length > 2 * maxDigestBytes) {
    throw badChunk(0, 'its digest is none');
  }
  if (!isCount(bytes)) throw badChunk(0, 'its size is none');
  const digest = Uint8Array.from(digestHex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  return { clusterId, meta, digest, bytes };
}

export function encodeTrailer({ records, bytes }: SnapshotTrailer): Uint8Array {
  return jsonFrame({ records, bytes });
}

export function decodeTrailer(payload: Uint8Array, number: number): SnapshotTrailer {
  const { records, bytes } = parse(payload, number);
  if (!isCount(records) || !isCount(bytes)) throw badChunk(number, 'its counts are none');
  return { records, bytes };
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
