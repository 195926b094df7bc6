// What comes back. One result type per operation that can be asked for, by the same name; what a leader proposes by itself has no
// result, because nobody waits for one; errors are `ProtocolError`s (`error.ts`).
import type { Fence, Key, LeaseId, LockClaim, LockName, LockRequestId, Revision, WantedRole } from './operation.ts';

/** A key as it stands at some revision. */
export interface KeyValue {
  readonly key: Key;
  /** Null when only keys were asked for, or when the caller has it already (`Range.modifiedSince`). */
  readonly value: Uint8Array | null;
  /** Revision at which the key came into being; a key that is deleted and written again has a new one. */
  readonly createRevision: Revision;
  readonly modRevision: Revision;
  /** Number of writes since it came into being: 1 for the first. */
  readonly version: number;
  readonly lease: LeaseId | null;
}

export interface PutResult {
  readonly type: 'put';
  readonly revision: Revision;
  readonly previous: KeyValue | null;
}

export interface DeleteResult {
  readonly type: 'delete';
  /** The store's revision after it: unchanged when nothing was there to delete. */
  readonly revision: Revision;
  readonly deleted: number;
  /** Empty unless asked for. */
  readonly previous: readonly KeyValue[];
}

export interface RangeResult {
  readonly type: 'range';
  /** The revision that the answer reflects. */
  readonly revision: Revision;
  readonly entries: readonly KeyValue[];
  /** There are further keys in the range behind the last one given. */
  readonly more: boolean;
  /** Of all keys in the range, not only those given. */
  readonly count: number;
}

export interface TxnResult {
  readonly type: 'txn';
  readonly revision: Revision;
  /** All compares held, so `then` ran. */
  readonly succeeded: boolean;
  readonly results: readonly (PutResult | DeleteResult | RangeResult)[];
}

export interface LeaseGrantResult {
  readonly type: 'leaseGrant';
  readonly lease: LeaseId;
  readonly ttlMs: number;
}

/** Also the result of `sessionClose`. */
export interface LeaseRevokeResult {
  readonly type: 'leaseRevoke';
  readonly revision: Revision;
  /** False when there was no such lease. */
  readonly existed: boolean;
}

export interface SessionOpenResult {
  readonly type: 'sessionOpen';
  readonly session: LeaseId;
  readonly ttlMs: number;
}

export interface SessionAttachResult {
  readonly type: 'sessionAttach';
  /** In the order of the claims. */
  readonly sessions: readonly SessionStanding[];
}

/** What became of a claim to a session. */
export interface SessionStanding {
  readonly session: LeaseId;
  /** Null: the session has ended, the secret is not its own, or the epoch is not larger than any before. */
  readonly ttlMs: number | null;
}

/** The state of one request for a lock. A resent `lockAcquire` gets what is true now. */
export type LockState =
  | { readonly state: 'held'; readonly fence: Fence }
  /** `ahead`: requests in front of it, those that hold included; of several locks, where most are. */
  | { readonly state: 'queued'; readonly ahead: number }
  /** Held by somebody else and waiting was not asked for. */
  | { readonly state: 'refused' }
  /** It was granted under this fence, and has ended since. */
  | { readonly state: 'released'; readonly fence: Fence }
  | { readonly state: 'cancelled' };

/** Of a request that is there. */
export type LockStanding = Extract<LockState, { state: 'held' | 'queued' }>;

export type LockAcquireResult = { readonly type: 'lockAcquire'; readonly revision: Revision } & LockState;

export interface LockReleaseResult {
  readonly type: 'lockRelease';
  readonly revision: Revision;
  /** `ended`: it had ended before. `kept`: the heir does not wait, so the hold goes on. */
  readonly outcome: 'released' | 'ended' | 'kept';
}

export interface LockBreakResult {
  readonly type: 'lockBreak';
  readonly revision: Revision;
  /** False when no hold has this fence any more. */
  readonly broken: boolean;
  /** How long the next grant waits. */
  readonly delayMs: number;
}

export interface LockCancelResult {
  readonly type: 'lockCancel';
  readonly revision: Revision;
  /** What the request was when it was taken back. */
  readonly was: 'queued' | 'held' | 'ended';
}

export interface LockConvertResult {
  readonly type: 'lockConvert';
  readonly revision: Revision;
  /** `held`: in the mode that was asked for. `queued`: shared until it is granted. `refused`: others share it, and it was not to wait. `ended`: there is no such hold. */
  readonly outcome: 'held' | 'queued' | 'refused' | 'ended';
  /** Under which it is held now; null: `ended`. */
  readonly fence: Fence | null;
}

export interface ProclaimResult {
  readonly type: 'proclaim';
  readonly revision: Revision;
  /** False when the fence does not lead any more; nothing was written. */
  readonly written: boolean;
}

export interface CompactResult {
  readonly type: 'compact';
  readonly revision: Revision;
}

export interface LeaseQueryResult {
  readonly type: 'lease';
  /** Null when there is no such lease. */
  readonly lease: LeaseDescription | null;
}

export interface LeaseKeysResult {
  readonly type: 'leaseKeys';
  /** None when there is no such lease. */
  readonly keys: readonly Uint8Array[];
  readonly more: boolean;
}

export interface LeaseListResult {
  readonly type: 'leases';
  readonly leases: readonly LeaseDescription[];
  readonly more: boolean;
}

export interface LeaseDescription {
  readonly lease: LeaseId;
  readonly ttlMs: number;
  readonly isSession: boolean;
  readonly metadata: Readonly<Record<string, string>>;
  readonly keys: number;
  readonly holds: number;
}

export interface LockQueryResult {
  readonly type: 'lock';
  readonly lock: LockDescription;
}

export interface LockListResult {
  readonly type: 'locks';
  readonly locks: readonly LockSummary[];
  readonly more: boolean;
}

/** A lock among others: who was first to hold it, and numbers instead of lists. */
export interface LockSummary {
  readonly name: LockName;
  /** The first of those who hold it. */
  readonly holder: LockHolder | null;
  readonly holding: number;
  readonly waiting: number;
  /** A hold of it ended in disorder, and its place is kept until the lock-delay is over. */
  readonly delayed: boolean;
}

export interface LockDescription {
  readonly name: LockName;
  /** Of a semaphore that somebody holds or awaits; else null. */
  readonly limit: number | null;
  readonly holding: number;
  /** The first `limits.maxListEntries` of them, by fence. A delayed one holds no more, but its place is kept. */
  readonly holders: readonly LockHolder[];
  readonly waiting: number;
  /** The first `limits.maxListEntries` of them, in the order of their turns. */
  readonly queue: readonly LockWaiter[];
  /** Holds that have ended, the latest first. The `limits.maxPastHolds` last of each of the `limits.maxPastLocks` locks last used. */
  readonly past: readonly PastHold[];
}

export interface LockRequestResult {
  readonly type: 'lockRequest';
  /** Null: the session has no such request, or none any more. */
  readonly request: LockStanding | null;
}

export interface MemberAddResult {
  readonly type: 'memberAdd';
  readonly member: number;
}

/** `changed`: false when it was so already. */
export interface MemberUpdateResult {
  readonly type: 'memberUpdate';
  readonly changed: boolean;
}

export interface MemberRoleResult {
  readonly type: 'memberRole';
  readonly changed: boolean;
}

export interface ClusterSetResult {
  readonly type: 'clusterSet';
  readonly changed: boolean;
}

export interface MemberListResult {
  readonly type: 'members';
  readonly leaseReads: boolean;
  /** By id. Empty before the first leader has put the founding members on record. */
  readonly members: readonly MemberDescription[];
}

/** What a member is to be; what it is, the status of the cluster tells. */
export interface MemberDescription {
  readonly member: number;
  readonly name: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
  readonly role: WantedRole | 'removed';
}

export interface LockWaiter extends LockRequestId {
  readonly mode: LockClaim['mode'];
  /** Permits; 1 of a lock. */
  readonly count: number;
  readonly sinceWallMs: number;
}

export interface LockHolder extends LockWaiter {
  readonly fence: Fence;
  /** Null: it holds. Else the hold has ended, and its place is kept for so long from then. */
  readonly delayMs: number | null;
}

/** `expired`, `closed`, `revoked`: with its session. */
export type HoldEnd = 'released' | 'broken' | 'expired' | 'closed' | 'revoked';

export interface PastHold extends LockRequestId {
  readonly fence: Fence;
  readonly sinceWallMs: number;
  readonly endedWallMs: number;
  readonly end: HoldEnd;
}

export type Result =
  | PutResult
  | DeleteResult
  | RangeResult
  | TxnResult
  | LeaseGrantResult
  | LeaseRevokeResult
  | SessionOpenResult
  | SessionAttachResult
  | LockAcquireResult
  | LockReleaseResult
  | LockBreakResult
  | LockCancelResult
  | LockConvertResult
  | ProclaimResult
  | CompactResult
  | LeaseQueryResult
  | LeaseKeysResult
  | LeaseListResult
  | LockQueryResult
  | LockRequestResult
  | LockListResult
  | MemberAddResult
  | MemberUpdateResult
  | MemberRoleResult
  | ClusterSetResult
  | MemberListResult;
