export type { Applied } from './apply/apply.ts';
export type { DeadlineChange, Notification, SessionEnd } from './apply/draft.ts';
export type { Change, Digest } from './checkpoint/ledger.ts';
export { type LoadOptions, StateLoader, type StateRecord } from './checkpoint/load.ts';
export { DamagedStateError, UnknownCommandError } from './damage.ts';
export type { Sweep } from './keys/compaction.ts';
export type { HistoryPage } from './keys/history.ts';
export type { ValueSource } from './keys/values.ts';
export type { Membership } from './members/member-query.ts';
export { protocolError, type Refusal, type Response } from './response.ts';
export {
  type AppliedPosition,
  type Checkpoint,
  type CheckpointToken,
  type Deadlines,
  type LeaseDeadline,
  type SessionIdentity,
  StateMachine,
} from './state-machine.ts';
