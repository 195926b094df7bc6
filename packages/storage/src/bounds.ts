// Every bound and every period of the package, in one table.

const kib = 1024;
const mib = 1024 * kib;

/**
 * Entries of one persist job share records up to this size. 64 entries of 280 B cost 1.5 ms as 64 keys and 0.45 ms packed into one
 * value (DESIGN §5); beyond a megabyte nothing is gained, and a truncation rewrites at most one record of this size.
 */
export const maxRecordBytes: number = mib;

/** One entry. What a client may send is far less; this bound is where a length field is disbelieved. */
export const maxEntryBytes: number = 64 * mib;

/** Entries that one `persist` call may carry together. The caller stops merging jobs before. */
export const maxPersistBytes: number = 256 * mib;

/** Members in each part of a configuration. */
export const maxMembers = 1024;

/** Peers whose store is remembered. The member names those that are gone for good when it notes another one, and they are forgotten. */
export const maxPeerStores = 1024;

/** A cluster's id: printable ASCII without spaces. Fits an anchor slot beside everything else. */
export const maxClusterIdBytes = 64;

/** A table key, so that a record's length field stays believable. */
export const maxKeyBytes: number = 64 * kib;

/** One value of the state store. */
export const maxValueBytes: number = 64 * mib;

/** What the state machine may put beside a checkpoint to recognise its own state. */
export const maxDigestBytes = 256;

/** Records of a checkpoint that are put together before the event loop has its turn: about a millisecond. */
export const checkpointSliceRecords = 512;

/** One step of a scan: whichever is reached first. */
export const scanBatchRecords = 512;
export const scanBatchBytes: number = mib;

/** A chunk of a snapshot, with everything that belongs to it: one frame of a bulk link, one turn of a throttle. */
export const maxSnapshotChunkBytes: number = 256 * kib;

/** A snapshot's id: printable ASCII without spaces. */
export const maxSnapshotIdBytes = 64;

/** Snapshots open for export at a time. Each keeps LevelDB from forgetting what has changed since. Several peers may share one. */
export const maxSnapshotExports = 2;

/** Of a snapshot being received: one synced batch each, so that the page cache never holds much of it. */
export const stagingBatchBytes: number = mib;

/** How often the free space is looked at while a snapshot arrives. */
export const stagingSpaceCheckBytes: number = 4 * mib;

/** Records behind a truncation in front are deleted along with later batches, so many at a time: no batch of its own, no second writer. */
export const sweptRecordsPerBatch = 128;

/** LevelDB's memtable and, with it, the largest `.log` file. Measured in DESIGN §5. */
export const logWriteBufferBytes: number = 64 * mib;
export const stateWriteBufferBytes: number = 16 * mib;

/** LevelDB's cache of table blocks. The log is read by slow followers only; values of the state are cached by their owner. */
export const logBlockCacheBytes: number = 8 * mib;
export const stateBlockCacheBytes: number = 32 * mib;

/** Between two fdatasyncs of the anchor when neither term nor vote changes. */
export const anchorSyncPeriodMs = 1000;

/**
 * What an open must be able to write on a disk that is full: both LevelDBs rewrite their surviving logs into tables before they
 * delete them (up to their write buffers), and write a MANIFEST.
 */
export const defaultReserveBytes: number = logWriteBufferBytes + stateWriteBufferBytes + 16 * mib;

/** Below this much free space a member refuses proposals, long before a write can fail. */
export const defaultLowSpaceBytes: number = 256 * mib;
