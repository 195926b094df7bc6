export {
  maxEntryBytes,
  maxKeyBytes,
  maxPersistBytes,
  maxSnapshotChunkBytes,
  maxSnapshotExports,
  maxValueBytes,
} from './bounds.ts';
export { type Condemnation, condemnDirectory } from './directory/condemned.ts';
export { type Shadow, shadowOf } from './directory/shadow.ts';
export { type InitOptions, initStorage, type RestoredState } from './init.ts';
export { type OpenOptions, openStorage, readIdentity } from './open.ts';
export type { SnapshotHead } from './snapshot/head.ts';
export {
  openSnapshotFile,
  type SnapshotFile,
  type SnapshotSummary,
  writeSnapshotFile,
} from './snapshot/snapshot-file.ts';
export type {
  Checkpoint,
  Identity,
  LogStore,
  RecoveredLog,
  ScanRange,
  ScrubOptions,
  SnapshotExport,
  SnapshotStaging,
  SnapshotStore,
  Space,
  StateChange,
  StateRecord,
  StateStore,
  Storage,
} from './storage.ts';
export { StorageError, type StorageErrorCode } from './storage-error.ts';
