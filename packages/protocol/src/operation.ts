// What a client can ask of the replicated state, as plain data. An operation travels as MessagePack bytes from the client to
// the log and is decoded where it is applied; `operation-codec.ts` gives each its positional form. `Mutation`s are logged;
// `Query`s are answered from the state after the read index was confirmed.

/** A global, ever-growing counter: an entry that changes keys or grants a lock advances it by one. A safe integer, 0 = empty store. */
export type Revision = number;

/** Proof of a grant: the revision at which it was granted. Later grants of the same lock have larger fences, for ever. */
export type Fence = number;

/** Names a lease; a session is a lease with an identity and a memory. Counted up from 1, never used twice. */
export type LeaseId = number;

/** Keys are ordered bytes (memcmp). Written by clients: 1 to `limits.maxKeyBytes` long, not starting with 0x00 (reserved). */
export type Key = Uint8Array;

/**
 * A set of keys: one key (`end` null), or all k with `key` <= k < `end`. An empty `end` means "to the last key". A range that starts
 * below the reserved prefix (an empty `key`) begins behind it: reserved keys are listed only by naming them.
 */
export interface KeyRange {
  readonly key: Key;
  readonly end: Key | null;
}

// --- Mutations -----------------------------------------------------------------------------------------------------------

export interface Put {
  readonly type: 'put';
  readonly key: Key;
  readonly value: Uint8Array;
  /** The key is deleted when this lease ends. Null: it stays. */
  readonly lease: LeaseId | null;
  /** Answer with the entry that was there before. */
  readonly returnPrevious: boolean;
}

export interface Delete {
  readonly type: 'delete';
  readonly range: KeyRange;
  readonly returnPrevious: boolean;
}

/** Reads inside a transaction see what earlier operations of the same transaction wrote. A key may be written once in one. */
export interface Txn {
  readonly type: 'txn';
  /** All must hold for `then` to run; with none, `then` runs. */
  readonly compares: readonly Compare[];
  readonly then: readonly TxnOperation[];
  readonly else: readonly TxnOperation[];
}

export type TxnOperation = Put | Delete | Range;

export type Relation = '=' | '!=' | '<' | '>';

/** A compare of a key that does not exist sees version, create, mod and lease 0 and no value (every value compare fails, but `!=`). */
export type Compare =
  | {
      readonly target: 'version' | 'create' | 'mod' | 'lease';
      readonly key: Key;
      readonly relation: Relation;
      readonly operand: number;
    }
  | { readonly target: 'value'; readonly key: Key; readonly relation: Relation; readonly operand: Uint8Array }
  /**
   * Holds while the lock is held under exactly this fence: server-side fencing, `lock.guard()`. `holder`: by this request, which
   * matters where several holds began at one revision; null: by any.
   */
  | {
      readonly target: 'lock';
      readonly name: LockName;
      readonly fence: Fence;
      readonly holder: LockRequestId | null;
    };

export interface LeaseGrant {
  readonly type: 'leaseGrant';
  readonly ttlMs: number;
}

export interface LeaseRevoke {
  readonly type: 'leaseRevoke';
  readonly lease: LeaseId;
}

/** The member makes this out of a client's request: the secret itself is never logged. */
export interface SessionOpen {
  readonly type: 'sessionOpen';
  readonly ttlMs: number;
  readonly secretHash: Uint8Array;
  /** So that people see who it is: host, pid, application. */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * The member makes this out of what one connection claims: from its place in the log on, the sessions are used over connections with this
 * epoch, and what comes under an older one is not applied any more.
 */
export interface SessionAttach {
  readonly type: 'sessionAttach';
  readonly sessions: readonly SessionProof[];
}

export interface SessionProof {
  readonly session: LeaseId;
  readonly secretHash: Uint8Array;
  /** Taken when it is larger than any before. */
  readonly epoch: number;
}

/** Orderly end: locks released, queues left, ephemeral keys deleted, in one revision. */
export interface SessionClose {
  readonly type: 'sessionClose';
  readonly session: LeaseId;
}

/** Locks, elections and semaphores have separate name spaces: the lock `a` and the election `a` have nothing to do with each other. */
export interface LockName {
  readonly kind: LockKind;
  readonly name: Uint8Array;
}

export type LockKind = 'lock' | 'election' | 'semaphore';

/** What an acquire wants of one lock. */
export type LockClaim =
  /** Alone. Of a lock or an election. */
  | { readonly mode: 'exclusive'; readonly name: LockName }
  /** Together with others that share it. Of a lock. */
  | { readonly mode: 'shared'; readonly name: LockName }
  /** `count` of the `limit` permits of a semaphore. All who hold or await permits of it must name the same limit. */
  | { readonly mode: 'permits'; readonly name: LockName; readonly limit: number; readonly count: number };

/** Names a request for locks, and the hold that comes of it, for ever. */
export interface LockRequestId {
  readonly session: LeaseId;
  /** Of the acquire. */
  readonly sequence: number;
}

/**
 * Asks for a hold for the session of the command, first come first served by log index: of one lock, or of several, which are granted at
 * one revision or not at all. The hold is named by this request, (session, sequence): a resent acquire answers with its present
 * state. Needs a session.
 */
export interface LockAcquire {
  readonly type: 'lockAcquire';
  /** No lock twice. */
  readonly claims: readonly LockClaim[];
  /** False: answer `refused` instead of queueing when it cannot be granted at once. */
  readonly wait: boolean;
  /** Elections: published under `electionKey(name)` at the revision of the grant. Else null. */
  readonly value: Uint8Array | null;
  /** When the hold ends in disorder (its session expired), what it held is granted to nobody for so long. 0: to the next at once. */
  readonly lockDelayMs: number;
  /**
   * Sequences of holds of the same session that the caller keeps while it waits for this one. A cycle of requests that wait for each
   * other's kept holds is refused, DEADLOCK. Without it nobody knows what the caller would give back meanwhile, and it waits.
   */
  readonly keeping: readonly number[];
}

/** Ends the hold, never a newer one. The next in the queue is granted in the same entry. */
export interface LockRelease {
  readonly type: 'lockRelease';
  /** Of the acquire, in the same session. */
  readonly sequence: number;
  readonly fence: Fence;
  /** A request in the queue that is granted next, before its turn. Of an exclusive hold of one lock. Null: the first in the queue. */
  readonly heir: LockRequestId | null;
}

/**
 * An operator ends somebody else's hold, the one with this fence. The next grant waits out the TTL of the holder's session, by when its
 * signal has aborted, unless `now` says that the fence alone must protect. What else was acquired together with it ends too.
 */
export interface LockBreak {
  readonly type: 'lockBreak';
  readonly name: LockName;
  readonly fence: Fence;
  /** Null: all holds of the lock with this fence; those that share it may have been granted at one revision. */
  readonly holder: LockRequestId | null;
  readonly now: boolean;
}

/** Takes the request back: leaves the queues, or releases the hold if it was granted meanwhile. */
export interface LockCancel {
  readonly type: 'lockCancel';
  /** Of the acquire, in the same session. */
  readonly sequence: number;
}

/**
 * Changes the mode of a hold of one lock, which gets a new fence with it. Down to `shared` at once; also of one that waits to go up, which then stays shared
 * under the fence that it has. Up to `exclusive` when nobody shares it any more, before everybody in the queue: they wait for this hold in any case. Two who want up would wait for
 * each other: the second is refused, DEADLOCK.
 */
export interface LockConvert {
  readonly type: 'lockConvert';
  /** Of the acquire, in the same session. */
  readonly sequence: number;
  readonly mode: 'exclusive' | 'shared';
  /** If others share it: to be granted when they have given it back. Meanwhile it stays shared. */
  readonly wait: boolean;
  /** As in `lockAcquire`; the hold itself is kept in any case, and not named. */
  readonly keeping: readonly number[];
}

/** Replaces the value that the leader of an election publishes, while it leads under this fence. */
export interface Proclaim {
  readonly type: 'proclaim';
  readonly name: LockName;
  readonly fence: Fence;
  readonly value: Uint8Array;
}

/** History below `revision` is forgotten, except what is still the present value of a key. */
export interface Compact {
  readonly type: 'compact';
  readonly revision: Revision;
}

/** What a member of the cluster is to be. The leader's office brings the configuration of Raft to it (docs/decisions/membership.md). */
export type WantedRole = 'voter' | 'learner';

/** A new member under an id that no other member ever had. It takes part once it has proved its secret to the others. */
export interface MemberAdd {
  readonly type: 'memberAdd';
  /** For people. Null: `member-ID`. */
  readonly name: string | null;
  readonly clientUrl: string;
  readonly peerUrl: string;
  /** SHA-256 of the secret in the join token. */
  readonly joinSecretHash: Uint8Array;
  readonly role: WantedRole;
}

/** Null: as it is. */
export interface MemberUpdate {
  readonly type: 'memberUpdate';
  readonly member: number;
  readonly name: string | null;
  readonly clientUrl: string | null;
  readonly peerUrl: string | null;
}

/** Promotes, demotes, or removes for ever. */
export interface MemberRoleChange {
  readonly type: 'memberRole';
  readonly member: number;
  readonly role: WantedRole | 'removed';
}

/** Settings of the cluster as a whole. Null: as it is. */
export interface ClusterSet {
  readonly type: 'clusterSet';
  /** Leaders answer linearizable reads from a lease, which trusts the rates of clocks. */
  readonly leaseReads: boolean | null;
}

/** Proposed by the first leader alone: the founding members, as their command lines name them. Does nothing once members are on record. */
export interface MemberSeed {
  readonly type: 'memberSeed';
  readonly members: readonly SeedMember[];
}

export interface SeedMember {
  readonly member: number;
  readonly name: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
  readonly role: WantedRole;
}

/**
 * Proposed by the leader alone, when all members have said that they know the commands of this level. It only rises; a lower one does nothing.
 */
export interface ClusterLevel {
  readonly type: 'clusterLevel';
  readonly level: number;
}

/** Proposed by the leader alone, named by the term in which it decided so; does nothing in another term or generation. */
export interface LeaseExpire {
  readonly type: 'leaseExpire';
  readonly lease: LeaseId;
  readonly generation: number;
  readonly term: number;
}

/**
 * Proposed by the leader alone, named by the term in which it decided so; does nothing in another term, nor for a lease that has ended. What is
 * left of long leases that nobody renewed, so that a later leader does not begin anew.
 */
export interface LeaseCheckpoint {
  readonly type: 'leaseCheckpoint';
  readonly term: number;
  readonly leases: readonly LeaseRemaining[];
}

export interface LeaseRemaining {
  readonly lease: LeaseId;
  /** A later leader gives it no more than this, from when it takes office. Null: its whole ttl again, for it was renewed. */
  readonly remainingMs: number | null;
}

/** Proposed by the leader alone: the delay behind this hold is over. Does nothing in another term. */
export interface LockDelayEnd {
  readonly type: 'lockDelayEnd';
  readonly session: LeaseId;
  readonly sequence: number;
  readonly term: number;
}

export type Mutation =
  | Put
  | Delete
  | Txn
  | LeaseGrant
  | LeaseRevoke
  | SessionOpen
  | SessionAttach
  | SessionClose
  | LockAcquire
  | LockRelease
  | LockBreak
  | LockCancel
  | LockConvert
  | Proclaim
  | Compact
  | MemberAdd
  | MemberUpdate
  | MemberRoleChange
  | ClusterSet
  | LeaseExpire
  | LeaseCheckpoint
  | LockDelayEnd
  | MemberSeed
  | ClusterLevel;

// --- Queries -------------------------------------------------------------------------------------------------------------

export interface Range {
  readonly type: 'range';
  readonly range: KeyRange;
  /** The state as it was at this revision; null: now. Not allowed inside a transaction. */
  readonly revision: Revision | null;
  /** 0: as many as fit into one answer. The answer says `more`. */
  readonly limit: number;
  readonly order: 'ascending' | 'descending';
  readonly keysOnly: boolean;
  readonly countOnly: boolean;
  /** The caller has the values as they were at this revision: one not written since comes as null. Null: send all. */
  readonly modifiedSince: Revision | null;
}

export interface LeaseQuery {
  readonly type: 'lease';
  readonly lease: LeaseId;
}

/** The keys that hang on a lease or session, in order, behind `after`; null begins. */
export interface LeaseKeysQuery {
  readonly type: 'leaseKeys';
  readonly lease: LeaseId;
  readonly after: Uint8Array | null;
  /** As in `LeaseList`. */
  readonly limit: number;
}

/** All leases with an id above `after`, in the order of their ids; 0 begins. */
export interface LeaseList {
  readonly type: 'leases';
  readonly after: LeaseId;
  /** 0: as many as fit into one answer, at most `limits.maxListEntries`. The answer says `more`. */
  readonly limit: number;
}

export interface LockQuery {
  readonly type: 'lock';
  readonly name: LockName;
}

/** What has become of one request for locks. */
export interface LockRequestQuery {
  readonly type: 'lockRequest';
  readonly session: LeaseId;
  readonly sequence: number;
}

/** Locks that are held, awaited or delayed, in the order of their names, behind `after`; null begins. */
export interface LockList {
  readonly type: 'locks';
  readonly kind: LockKind;
  readonly after: Uint8Array | null;
  /** As in `LeaseList`. */
  readonly limit: number;
}

/** Who is to be in the cluster, those who were removed included. */
export interface MemberList {
  readonly type: 'members';
}

export type Query =
  | Range
  | LeaseQuery
  | LeaseKeysQuery
  | LeaseList
  | LockQuery
  | LockRequestQuery
  | LockList
  | MemberList;

/** A transaction that only reads may also be asked as a query: then it is not logged (`isReadOnly`). */
export type Operation = Mutation | Query;
