// The table of results. A result has the tag of its operation.
import { limits } from './limits.ts';
import type {
  DeleteResult,
  HoldEnd,
  LeaseDescription,
  LockAcquireResult,
  LockCancelResult,
  LockConvertResult,
  LockDescription,
  LockHolder,
  LockReleaseResult,
  LockStanding,
  LockState,
  LockSummary,
  LockWaiter,
  MemberDescription,
  PastHold,
  PutResult,
  RangeResult,
  Result,
  SessionStanding,
  TxnResult,
} from './result.ts';
import { boolean, choice, integer, nullable } from './schema/primitive.ts';
import { record } from './schema/record.ts';
import { type CaseTable, list, type Structure, structure, type Union, union } from './schema/structure.ts';
import type { Type } from './schema/type.ts';
import * as shared from './schema/vocabulary.ts';

const putCase: CaseTable<PutResult, 'type'> = {
  tag: 1,
  fields: { revision: shared.revision, previous: nullable(shared.keyValue) },
};

const deleteCase: CaseTable<DeleteResult, 'type'> = {
  tag: 2,
  fields: {
    revision: shared.revision,
    deleted: shared.count,
    previous: list(shared.keyValue, limits.maxChangesPerEntry),
  },
};

const rangeCase: CaseTable<RangeResult, 'type'> = {
  tag: 32,
  fields: {
    revision: shared.revision,
    entries: list(shared.keyValue, limits.maxRangeEntries),
    more: boolean,
    count: shared.count,
  },
};

export const txnOperationResult: Union<TxnResult['results'][number]> = union<TxnResult['results'][number], 'type'>(
  'TxnOperationResult',
  'type',
  { put: putCase, delete: deleteCase, range: rangeCase },
);

export const leaseDescription: Structure<LeaseDescription> = structure<LeaseDescription>('LeaseDescription', {
  lease: shared.leaseId,
  ttlMs: shared.ttlMs,
  isSession: boolean,
  metadata: record<string>('metadata', limits.maxSessionMetadataBytes, false),
  keys: shared.count,
  holds: shared.count,
});

export const sessionStanding: Structure<SessionStanding> = structure<SessionStanding>('SessionStanding', {
  session: shared.leaseId,
  ttlMs: nullable(shared.ttlMs),
});

const claimMode: Type<LockWaiter['mode']> = choice<LockWaiter['mode']>('mode', {
  exclusive: 0,
  shared: 1,
  permits: 2,
});

export const lockHolder: Structure<LockHolder> = structure<LockHolder>('LockHolder', {
  session: shared.leaseId,
  sequence: shared.sequence,
  mode: claimMode,
  count: shared.count,
  sinceWallMs: shared.wallTimeMs,
  fence: shared.fence,
  delayMs: nullable(integer('ms', 0, limits.maxTtlMs)),
});

export const lockWaiter: Structure<LockWaiter> = structure<LockWaiter>('LockWaiter', {
  session: shared.leaseId,
  sequence: shared.sequence,
  mode: claimMode,
  count: shared.count,
  sinceWallMs: shared.wallTimeMs,
});

export const pastHold: Structure<PastHold> = structure<PastHold>('PastHold', {
  session: shared.leaseId,
  sequence: shared.sequence,
  fence: shared.fence,
  sinceWallMs: shared.wallTimeMs,
  endedWallMs: shared.wallTimeMs,
  end: choice<HoldEnd>('end', { released: 0, broken: 1, expired: 2, closed: 3, revoked: 4 }),
});

export const lockDescription: Structure<LockDescription> = structure<LockDescription>('LockDescription', {
  name: shared.lockName,
  limit: nullable(integer('permits', 1, limits.maxPermits)),
  holding: shared.count,
  holders: list(lockHolder, limits.maxListEntries),
  waiting: shared.count,
  queue: list(lockWaiter, limits.maxListEntries),
  past: list(pastHold, limits.maxPastHolds),
});

export const lockSummary: Structure<LockSummary> = structure<LockSummary>('LockSummary', {
  name: shared.lockName,
  holder: nullable(lockHolder),
  holding: shared.count,
  waiting: shared.count,
  delayed: boolean,
});

const heldCase: CaseTable<Extract<LockState, { state: 'held' }>, 'state'> = { tag: 1, fields: { fence: shared.fence } };
const queuedCase: CaseTable<Extract<LockState, { state: 'queued' }>, 'state'> = {
  tag: 2,
  fields: { ahead: shared.count },
};

export const lockState: Union<LockState> = union<LockState, 'state'>('LockState', 'state', {
  held: heldCase,
  queued: queuedCase,
  refused: { tag: 3, fields: {} },
  released: { tag: 4, fields: { fence: shared.fence } },
  cancelled: { tag: 5, fields: {} },
});

export const lockStanding: Union<LockStanding> = union<LockStanding, 'state'>('LockStanding', 'state', {
  held: heldCase,
  queued: queuedCase,
});

/** In memory the state of the request stands beside the revision; on the wire it is a value of its own. */
interface LockAcquireOnWire {
  readonly type: 'lockAcquire';
  readonly revision: number;
  readonly request: LockState;
}

type OnWire = Exclude<Result, LockAcquireResult> | LockAcquireOnWire;

export const memberDescription: Structure<MemberDescription> = structure<MemberDescription>('MemberDescription', {
  member: shared.memberId,
  name: shared.memberName,
  clientUrl: shared.memberUrl,
  peerUrl: shared.memberUrl,
  role: shared.memberRole,
});

const maxListedMembers = limits.maxVoters + limits.maxLearners + limits.maxRemovedMembers;

export const resultOnWire: Union<OnWire> = union<OnWire, 'type'>('result', 'type', {
  put: putCase,
  delete: deleteCase,
  txn: {
    tag: 3,
    fields: {
      revision: shared.revision,
      succeeded: boolean,
      results: list(txnOperationResult, limits.maxTxnOperations),
    },
  },
  leaseGrant: { tag: 4, fields: { lease: shared.leaseId, ttlMs: shared.ttlMs } },
  leaseRevoke: { tag: 5, fields: { revision: shared.revision, existed: boolean } },
  lockAcquire: { tag: 7, fields: { revision: shared.revision, request: lockState } },
  lockRelease: {
    tag: 8,
    fields: {
      revision: shared.revision,
      outcome: choice<LockReleaseResult['outcome']>('outcome', { released: 0, ended: 1, kept: 2 }),
    },
  },
  lockCancel: {
    tag: 9,
    fields: {
      revision: shared.revision,
      was: choice<LockCancelResult['was']>('state', { queued: 0, held: 1, ended: 2 }),
    },
  },
  proclaim: { tag: 10, fields: { revision: shared.revision, written: boolean } },
  compact: { tag: 11, fields: { revision: shared.revision } },
  lockBreak: {
    tag: 12,
    fields: { revision: shared.revision, broken: boolean, delayMs: integer('ms', 0, limits.maxTtlMs) },
  },
  memberAdd: { tag: 13, fields: { member: shared.memberId } },
  memberUpdate: { tag: 14, fields: { changed: boolean } },
  memberRole: { tag: 15, fields: { changed: boolean } },
  clusterSet: { tag: 16, fields: { changed: boolean } },
  lockConvert: {
    tag: 17,
    fields: {
      revision: shared.revision,
      outcome: choice<LockConvertResult['outcome']>('outcome', { held: 0, queued: 1, refused: 2, ended: 3 }),
      fence: nullable(shared.fence),
    },
  },
  range: rangeCase,
  lease: { tag: 33, fields: { lease: nullable(leaseDescription) } },
  leases: { tag: 34, fields: { leases: list(leaseDescription, limits.maxListEntries), more: boolean } },
  lock: { tag: 35, fields: { lock: lockDescription } },
  locks: { tag: 36, fields: { locks: list(lockSummary, limits.maxListEntries), more: boolean } },
  members: { tag: 37, fields: { leaseReads: boolean, members: list(memberDescription, maxListedMembers) } },
  leaseKeys: { tag: 39, fields: { keys: list(shared.key, limits.maxListEntries), more: boolean } },
  lockRequest: { tag: 38, fields: { request: nullable(lockStanding) } },
  sessionOpen: { tag: 48, fields: { session: shared.leaseId, ttlMs: shared.ttlMs } },
  sessionAttach: { tag: 53, fields: { sessions: list(sessionStanding, limits.maxSessionsPerAttach) } },
});

export const result: Type<Result> = {
  name: resultOnWire.name,
  definition: resultOnWire.definition,
  write: (value, out) => {
    const acquired = value.type === 'lockAcquire';
    resultOnWire.write(acquired ? { type: 'lockAcquire', revision: value.revision, request: value } : value, out);
  },
  read: (from) => {
    const value = resultOnWire.read(from);
    if (value.type !== 'lockAcquire') return value;
    return { type: 'lockAcquire', revision: value.revision, ...value.request };
  },
};
