import { contentsOf, DamagedStateError, type StateContents, verifySnapshot } from '@conclave/member';
import { openSnapshotFile, type SnapshotSummary, StorageError } from '@conclave/storage';

export interface InspectedSnapshot extends SnapshotSummary {
  readonly contents: StateContents;
}

/**
 * Reads a snapshot file to its end, and believes nothing: every chunk's checksum, every record's seal, the chains of revisions, the digest of
 * the whole. Rejects with StorageError when a byte is another than it was.
 */
export async function inspectSnapshot(file: string): Promise<InspectedSnapshot> {
  await using source = await openSnapshotFile(file);
  const machine = await verifySnapshot(source.head, source.records()).catch((error: unknown) => {
    if (!(error instanceof DamagedStateError)) throw error;
    throw new StorageError('bad-snapshot', `The state in ${file} is damaged: ${error.message}`, { cause: error });
  });
  return { ...source.summary, contents: contentsOf(machine) };
}
