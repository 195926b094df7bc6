export { RaftAssertionError } from './assertion.ts';
export {
  type ConfigurationData,
  configurationOf,
  decodeConfiguration,
  emptyConfiguration,
  encodeConfiguration,
  isJoint,
  isVoter,
  membersOf,
  votersOf,
} from './configuration.ts';
export type { Input } from './input.ts';
export type {
  Append,
  AppendAccepted,
  AppendRejected,
  CommitNotice,
  Heartbeat,
  HeartbeatResponse,
  Message,
  PreVote,
  PreVoteResponse,
  ReadIndexRequest,
  ReadIndexResponse,
  ReadRequestId,
  ReadSequence,
  TimeoutNow,
  Vote,
  VoteResponse,
} from './message.ts';
export { RaftNode } from './node.ts';
export { defaultOptions, maxLearners, maxVoters, type RaftOptions } from './options.ts';
export type { Leadership, LoadRequest, Output, SnapshotSend } from './output.ts';
export { integerBetween, type Prng } from './prng.ts';
export type { Raft } from './raft.ts';
export type { PeerStatus, RaftStatus } from './status.ts';
export {
  type Acknowledged,
  type BootState,
  type Configuration,
  type ConfigurationChange,
  type Entry,
  EntryKind,
  type Failure,
  type HardState,
  type Index,
  type LoadToken,
  type LogPosition,
  type MemberId,
  type Millis,
  type PersistJob,
  type PersistSequence,
  type Proposal,
  type ProposalId,
  type ReadId,
  type Refusal,
  type Role,
  type SnapshotMeta,
  type SnapshotToken,
  type Term,
  type TermRun,
  type TransferId,
} from './types.ts';
