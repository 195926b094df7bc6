export {
  maxEntryBytes,
  maxKeyBytes,
  maxPersistBytes,
  maxSnapshotChunkBytes,
  maxSnapshotExports,
  maxValueBytes,
} from './bounds.ts';
export { type InitOptions, initStorage } from './init.ts';
export { type OpenOptions, openStorage } from './open.ts';
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
