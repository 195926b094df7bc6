// LevelDB's block log, the format of both its write-ahead logs and its MANIFEST (doc/log_format.md): blocks of 32 KiB that hold
// physical records { masked crc32c u32le, length u16le, type u8, payload }; a logical record is one FULL or FIRST MIDDLE* LAST.
//
// Why we read it ourselves, before LevelDB does: its recovery drops damaged blocks from the middle of a log without an error, and
// the first open rewrites what is left into a table and deletes the log, and with it the evidence (study/reliability.md §0, 3–5).
//
// What tells damage from an unfinished write: we keep one batch in flight and sync each, so at most the last logical record can be
// unfinished. After it there may be pieces of itself (a power loss writes pages in any order), but never the beginning of another
// record. Whatever is followed by a beginning was acknowledged once.
import { maskedCrc32c } from './crc32c.ts';

const blockBytes = 32 * 1024;
const headerBytes = 7;

const RecordType = { Full: 1, First: 2, Middle: 3, Last: 4 } as const;

export interface BlockLog {
  /** Whole logical records from the beginning. */
  readonly records: readonly Buffer[];
  /** What follows them: nothing, the rest of a write that never finished, or damage in front of other records. */
  readonly end: BlockLogEnd;
}

export type BlockLogEnd =
  | { readonly kind: 'clean' }
  | { readonly kind: 'torn'; readonly offset: number; readonly bytes: number }
  | { readonly kind: 'damaged'; readonly offset: number; readonly reason: string };

type Physical =
  | { readonly kind: 'record'; readonly type: number; readonly payload: Buffer; readonly next: number }
  | { readonly kind: 'bad'; readonly reason: string }
  | { readonly kind: 'end' };

/**
 * Reads a whole file. `witness` are bytes that every record of ours contains and that no client knows (the store's uuid): only
 * with them is something inside a block taken for a record, or a value made to look like one could keep a member from starting.
 */
export function readBlockLog(file: Buffer, witness: Buffer | null): BlockLog {
  const records: Buffer[] = [];
  let pieces: Buffer[] = [];
  let begin = 0;
  let at = 0;
  for (;;) {
    const physical = readPhysical(file, at);
    if (physical.kind === 'end') {
      // A first piece whose rest was never written.
      if (pieces.length > 0) return { records, end: { kind: 'torn', offset: begin, bytes: file.length - begin } };
      return { records, end: { kind: 'clean' } };
    }
    const reason = physical.kind === 'bad' ? physical.reason : outOfOrder(physical.type, pieces.length > 0);
    if (reason !== null || physical.kind === 'bad') {
      const offset = pieces.length > 0 ? begin : at;
      const more = beginsRecord(physical) ? at : beginningAfter(file, at, witness);
      if (more === null) return { records, end: { kind: 'torn', offset, bytes: file.length - offset } };
      return { records, end: { kind: 'damaged', offset: at, reason: `${reason}, and another record at byte ${more}` } };
    }
    if (pieces.length === 0) begin = at;
    pieces.push(physical.payload);
    if (physical.type === RecordType.Full || physical.type === RecordType.Last) {
      records.push(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces));
      pieces = [];
    }
    at = physical.next;
  }
}

function readPhysical(file: Buffer, position: number): Physical {
  const at = blockEnd(position) - position < headerBytes ? blockEnd(position) : position;
  if (at >= file.length) return { kind: 'end' };
  const end = Math.min(blockEnd(at), file.length);
  if (at + headerBytes > end) return { kind: 'bad', reason: 'a header is cut off' };
  const length = file.readUInt16LE(at + 4);
  const type = file.readUInt8(at + 6);
  const next = at + headerBytes + length;
  if (next > blockEnd(at)) return { kind: 'bad', reason: 'a length reaches beyond its block' };
  if (next > end) return { kind: 'bad', reason: 'a record is cut off' };
  if (type < RecordType.Full || type > RecordType.Last) return { kind: 'bad', reason: `record type ${type}` };
  if (file.readUInt32LE(at) !== maskedCrc32c(file.subarray(at + 6, next))) {
    return { kind: 'bad', reason: 'a checksum does not match' };
  }
  return { kind: 'record', type, payload: file.subarray(at + headerBytes, next), next };
}

function outOfOrder(type: number, inside: boolean): string | null {
  if (begins(type) === !inside) return null;
  return inside ? 'a record without its end' : 'a record without its beginning';
}

function begins(type: number): boolean {
  return type === RecordType.Full || type === RecordType.First;
}

function beginsRecord(physical: Physical): boolean {
  return physical.kind === 'record' && begins(physical.type);
}

/** Where, behind the bad record at `position`, a record begins that is certainly another one; null when there is none. */
function beginningAfter(file: Buffer, position: number, witness: Buffer | null): number | null {
  return (
    (witness === null ? null : beginningInBlock(file, position, witness)) ?? beginningInLaterBlocks(file, position)
  );
}

/** The length of a bad record cannot be trusted, so every offset of the rest of its block may be where the next one begins. */
function beginningInBlock(file: Buffer, position: number, witness: Buffer): number | null {
  const end = Math.min(blockEnd(position), file.length);
  const lastWitness = file.subarray(position, end).lastIndexOf(witness) + position;
  for (let at = position + 1; at + headerBytes <= lastWitness; at++) {
    if (!begins(file[at + 6]!)) continue;
    // The checksum last: it costs most, and bytes that look like a header are many.
    const next = at + headerBytes + file.readUInt16LE(at + 4);
    if (next > end || !file.subarray(at + headerBytes, next).includes(witness)) continue;
    if (readPhysical(file, at).kind === 'record') return at;
  }
  return null;
}

function beginningInLaterBlocks(file: Buffer, position: number): number | null {
  let at = blockEnd(position);
  while (at < file.length) {
    const physical = readPhysical(file, at);
    if (physical.kind === 'end') return null;
    if (physical.kind === 'bad') {
      at = blockEnd(at);
      continue;
    }
    if (begins(physical.type)) return at;
    at = physical.next;
  }
  return null;
}

function blockEnd(position: number): number {
  return (Math.floor(position / blockBytes) + 1) * blockBytes;
}
