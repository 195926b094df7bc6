// A whole state, read in chunks: what `conclave snapshot save` writes into a file. The bytes of a chunk are those of docs/durability.md.
import { bytes, integer, nullable } from '../schema/primitive.ts';
import type { CaseTable } from '../schema/structure.ts';
import { requestId } from './request.ts';
import { wireLimits } from './wire-limits.ts';

/**
 * The next chunk. The first one makes the snapshot, which contains everything that was acknowledged to anybody before; it lives until the last
 * one was read, the connection ends, or nothing is asked for in a while.
 */
export interface BackupRead {
  readonly type: 'backupRead';
  readonly id: number;
  /** From 0, one after the other. */
  readonly chunk: number;
}

export interface BackupChunk {
  readonly type: 'backupChunk';
  readonly id: number;
  /** Null: the one before was the last. */
  readonly bytes: Uint8Array | null;
}

export const backupReadCase: CaseTable<BackupRead, 'type'> = {
  tag: 12,
  fields: { id: requestId, chunk: integer('chunk', 0, 0xffff_ffff) },
};

export const backupChunkCase: CaseTable<BackupChunk, 'type'> = {
  tag: 82,
  fields: { id: requestId, bytes: nullable(bytes('chunk', 1, wireLimits.maxBackupChunkBytes)) },
};
