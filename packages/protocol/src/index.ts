export * from './byte-order.ts';
export type { BackupChunk, BackupRead } from './client/backup.ts';
export type {
  ClusterStatus,
  Goodbye,
  MemberRole,
  MemberStanding,
  MemberStatus,
  MembersChanged,
  StatusMessage,
  StatusRequest,
  TransferLeader,
  Transferred,
} from './client/cluster.ts';
export {
  decodeClientFrame,
  decodeMemberFrame,
  encodeClientFrame,
  encodeClientMessage,
  encodeMemberFrame,
  encodeMemberMessage,
  joinFrame,
} from './client/frame.ts';
export { type Hello, holdsFeature, type MemberAddress, type SessionClaim, type Welcome } from './client/handshake.ts';
export type { ClientMessage, MemberMessage } from './client/message.ts';
export {
  type Consistency,
  type ErrorBody,
  type ErrorMessage,
  fromErrorBody,
  type Mutate,
  type QueryRequest,
  type ResultMessage,
  toErrorBody,
} from './client/request.ts';
export type {
  Broken,
  Contended,
  Granted,
  HoldProof,
  Keepalive,
  KeepaliveAnswer,
  KeepaliveHolds,
  KeepaliveHoldsAnswer,
  LeaseStanding,
  LeaseTimes,
  LeaseTimesAnswer,
  SessionEndCause,
  SessionEnded,
  SessionOpenRequest,
  SessionResume,
  SessionsResumed,
} from './client/session.ts';
export type {
  WatchCancel,
  WatchCreate,
  WatchCreated,
  WatchCredit,
  WatchEnded,
  WatchEvents,
  WatchProgress,
  WatchSnapshot,
  WatchStart,
  WatchSynced,
} from './client/watch.ts';
export { wireLimits } from './client/wire-limits.ts';
export { foundedClusterId, restoredClusterId } from './cluster-id.ts';
export {
  type ClientMutation,
  type ClientOperation,
  type Command,
  decodeClientMutation,
  decodeClientOperation,
  decodeClientQuery,
  decodeCommand,
  decodeEntries,
  decodeEvents,
  decodeOperation,
  decodeResult,
  encodeCommand,
  encodeEntries,
  encodeEvents,
  encodeOperation,
  encodeResult,
  isQuery,
  isReadOnly,
} from './codec.ts';
export * from './command.ts';
export * from './error.ts';
export { errorMeanings } from './error-meaning.ts';
export * from './event.ts';
export { limits } from './limits.ts';
export * from './operation.ts';
export * from './protocol-version.ts';
export * from './reserved-key.ts';
export * from './result.ts';
export { memberUrlProblem } from './schema/vocabulary.ts';
