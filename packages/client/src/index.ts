export type { CallOptions, WriteOptions } from './call.ts';
export type { Client, LockChoice, SessionCallOptions } from './client.ts';
export type { ConfigCache } from './config/cache.ts';
export type {
  Config,
  ConfigChange,
  ConfigDocument,
  ConfigDocuments,
  ConfigEvents,
  ConfigOptions,
  ConfigSetOptions,
} from './config/config.ts';
export type { SchemaIssue, SchemaResult, StandardSchema } from './config/standard-schema.ts';
export { connect } from './connect.ts';
export type { ConnectOptions } from './create-client.ts';
export type { Candidate, Election, LeaderInfo, Leadership, ObserveOptions } from './election/election.ts';
export type { Unsubscribe } from './emitter.ts';
export { ConclaveError, type ConclaveErrorCode } from './error.ts';
export type { Entry, KeyEntry } from './keys/entry.ts';
export type { Key, Selector } from './keys/key-space.ts';
export type { List, Listing, ListOptions } from './keys/list.ts';
export type { ReadOptions, ReadResult } from './keys/read.ts';
export type {
  TxnCompare,
  TxnDelete,
  TxnDone,
  TxnGet,
  TxnList,
  TxnPut,
  TxnRequest,
  TxnResults,
  TxnStep,
  TxnStepResult,
} from './keys/txn.ts';
export type { CompareLost, DeleteDone, DeleteOptions, PutDone, PutOptions } from './keys/write.ts';
export type { ClientState } from './link/link.ts';
export type { Guard, HoldEvents } from './lock/hold.ts';
export type { Held, Lock } from './lock/lock.ts';
export type { HoldOptions, LockOptions } from './lock/locks.ts';
export type { PermitOptions, Semaphore, SemaphoreOptions } from './lock/semaphore.ts';
export type { LockMode, SingleLock, UpgradeOptions } from './lock/single-lock.ts';
export type { MirrorChange, MirrorEvent } from './mirror/change.ts';
export type { Mirror, MirrorEvents, MirrorOptions } from './mirror/mirror.ts';
export type { MirrorListOptions, MirrorView } from './mirror/view.ts';
export type { Session } from './session/session.ts';
export type { SessionState } from './session/session-state.ts';
export type {
  DeleteEvent,
  EventsBatch,
  ProgressBatch,
  PutEvent,
  SnapshotBatch,
  WatchBatch,
  WatchEvent,
} from './watch/batch.ts';
export type { Watcher, WatchOptions, WatchRun } from './watch/watcher.ts';
