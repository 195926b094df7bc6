// The table of operations. Tags and the order of fields are the wire: never renumbered, never reordered.

import { acquireRule, convertRule } from './acquire-rule.ts';
import { limits } from './limits.ts';
import type {
  Compare,
  Delete,
  LeaseRemaining,
  LockClaim,
  LockConvert,
  LockName,
  Operation,
  Put,
  Range,
  Relation,
  SeedMember,
  SessionProof,
  TxnOperation,
} from './operation.ts';
import { boolean, bytes, choice, integer, nullable } from './schema/primitive.ts';
import { record } from './schema/record.ts';
import { type CaseTable, list, type Structure, structure, type Union, union } from './schema/structure.ts';
import { SchemaViolation, type Type } from './schema/type.ts';
import * as shared from './schema/vocabulary.ts';
import { txnRule } from './txn-rule.ts';

const putCase: CaseTable<Put, 'type'> = {
  tag: 1,
  fields: {
    key: shared.writtenKey,
    value: shared.value,
    lease: nullable(shared.leaseId),
    returnPrevious: boolean,
  },
};

const deleteCase: CaseTable<Delete, 'type'> = {
  tag: 2,
  fields: { range: shared.deletedRange, returnPrevious: boolean },
};

const rangeCase: CaseTable<Range, 'type'> = {
  tag: 32,
  fields: {
    range: shared.keyRange,
    revision: nullable(shared.revision),
    limit: integer('count', 0, limits.maxRangeEntries),
    order: choice('order', { ascending: 0, descending: 1 }),
    keysOnly: boolean,
    countOnly: boolean,
    modifiedSince: nullable(shared.revision),
  },
};

export const relation: Type<Relation> = choice<Relation>('relation', { '=': 0, '!=': 1, '<': 2, '>': 3 });

const counterCompare = { key: shared.key, relation, operand: integer('number', 0) };

export const compare: Union<Compare> = union<Compare, 'target'>('Compare', 'target', {
  version: { tag: 1, fields: counterCompare },
  create: { tag: 2, fields: counterCompare },
  mod: { tag: 3, fields: counterCompare },
  lease: { tag: 4, fields: counterCompare },
  value: { tag: 5, fields: { key: shared.key, relation, operand: shared.value } },
  lock: {
    tag: 6,
    fields: { name: shared.lockName, fence: shared.fence, holder: nullable(shared.lockRequestId) },
  },
});

export const txnOperation: Union<TxnOperation> = union<TxnOperation, 'type'>('TxnOperation', 'type', {
  put: putCase,
  delete: deleteCase,
  range: rangeCase,
});

export const lockClaim: Union<LockClaim> = union<LockClaim, 'mode'>('LockClaim', 'mode', {
  exclusive: { tag: 1, fields: { name: shared.lockName } },
  shared: { tag: 2, fields: { name: shared.lockName } },
  permits: {
    tag: 3,
    fields: {
      name: shared.lockName,
      limit: integer('permits', 1, limits.maxPermits),
      count: integer('permits', 1, limits.maxPermits),
    },
  },
});

const term = integer('term', 1);

const secretHash = bytes('hash', limits.sessionSecretHashBytes, limits.sessionSecretHashBytes);

export const sessionProof: Structure<SessionProof> = structure<SessionProof>('SessionProof', {
  session: shared.leaseId,
  secretHash,
  epoch: integer('epoch', 1),
});

export const leaseRemaining: Structure<LeaseRemaining> = structure<LeaseRemaining>('LeaseRemaining', {
  lease: shared.leaseId,
  remainingMs: nullable(integer('ms', 1, limits.maxTtlMs)),
});

export const seedMember: Structure<SeedMember> = structure<SeedMember>('SeedMember', {
  member: shared.memberId,
  name: shared.memberName,
  clientUrl: shared.memberUrl,
  peerUrl: shared.memberUrl,
  role: shared.wantedRole,
});

/** Tags 1 to 31: mutations of clients. 32 to 47: queries. 48 to 63: mutations that only members make. */
export const operation: Union<Operation> = union<Operation, 'type'>('operation', 'type', {
  put: putCase,
  delete: deleteCase,
  txn: {
    tag: 3,
    fields: {
      compares: list(compare, limits.maxTxnCompares),
      then: list(txnOperation, limits.maxTxnOperations),
      else: list(txnOperation, limits.maxTxnOperations),
    },
    rule: txnRule,
  },
  leaseGrant: { tag: 4, fields: { ttlMs: shared.ttlMs } },
  leaseRevoke: { tag: 5, fields: { lease: shared.leaseId } },
  sessionClose: { tag: 6, fields: { session: shared.leaseId } },
  lockAcquire: {
    tag: 7,
    fields: {
      claims: list(lockClaim, limits.maxLockClaims),
      wait: boolean,
      value: nullable(shared.value),
      lockDelayMs: integer('delay in ms', 0, limits.maxLockDelayMs),
      keeping: list(shared.sequence, limits.maxKeptHolds),
    },
    rule: acquireRule,
  },
  lockRelease: {
    tag: 8,
    fields: { sequence: shared.sequence, fence: shared.fence, heir: nullable(shared.lockRequestId) },
  },
  lockCancel: { tag: 9, fields: { sequence: shared.sequence } },
  proclaim: {
    tag: 10,
    fields: { name: shared.lockName, fence: shared.fence, value: shared.value },
    rule: { text: 'the name is that of an election', check: ({ name }) => mustBeElection(name) },
  },
  compact: { tag: 11, fields: { revision: integer('revision', 1) } },
  lockBreak: {
    tag: 12,
    fields: {
      name: shared.lockName,
      fence: shared.fence,
      holder: nullable(shared.lockRequestId),
      now: boolean,
    },
  },
  memberAdd: {
    tag: 13,
    fields: {
      name: nullable(shared.memberName),
      clientUrl: shared.memberUrl,
      peerUrl: shared.memberUrl,
      joinSecretHash: bytes('hash', limits.joinSecretHashBytes, limits.joinSecretHashBytes),
      role: shared.wantedRole,
    },
  },
  memberUpdate: {
    tag: 14,
    fields: {
      member: shared.memberId,
      name: nullable(shared.memberName),
      clientUrl: nullable(shared.memberUrl),
      peerUrl: nullable(shared.memberUrl),
    },
  },
  memberRole: { tag: 15, fields: { member: shared.memberId, role: shared.memberRole } },
  clusterSet: { tag: 16, fields: { leaseReads: nullable(boolean) } },
  lockConvert: {
    tag: 17,
    fields: {
      sequence: shared.sequence,
      mode: choice<LockConvert['mode']>('mode', { exclusive: 0, shared: 1 }),
      wait: boolean,
      keeping: list(shared.sequence, limits.maxKeptHolds),
    },
    rule: convertRule,
  },
  range: rangeCase,
  lease: { tag: 33, fields: { lease: shared.leaseId } },
  leases: { tag: 34, fields: { after: integer('id or 0', 0), limit: integer('count', 0, limits.maxListEntries) } },
  lock: { tag: 35, fields: { name: shared.lockName } },
  locks: {
    tag: 36,
    fields: {
      kind: shared.lockKind,
      after: nullable(shared.lockNameBytes),
      limit: integer('count', 0, limits.maxListEntries),
    },
  },
  members: { tag: 37, fields: {} },
  leaseKeys: {
    tag: 39,
    fields: { lease: shared.leaseId, after: nullable(shared.key), limit: integer('count', 0, limits.maxListEntries) },
  },
  lockRequest: { tag: 38, fields: { session: shared.leaseId, sequence: shared.sequence } },
  sessionOpen: {
    tag: 48,
    fields: {
      ttlMs: shared.ttlMs,
      secretHash,
      metadata: record<string>('metadata', limits.maxSessionMetadataBytes, false),
    },
  },
  leaseExpire: { tag: 49, fields: { lease: shared.leaseId, generation: integer('generation', 0), term } },
  lockDelayEnd: { tag: 50, fields: { session: shared.leaseId, sequence: shared.sequence, term } },
  memberSeed: { tag: 51, fields: { members: list(seedMember, limits.maxVoters + limits.maxLearners) } },
  clusterLevel: { tag: 52, fields: { level: integer('level', 1, 0xffff) } },
  sessionAttach: { tag: 53, fields: { sessions: list(sessionProof, limits.maxSessionsPerAttach) } },
  leaseCheckpoint: { tag: 54, fields: { term, leases: list(leaseRemaining, limits.maxLeasesPerCheckpoint) } },
});

function mustBeElection(name: LockName): void {
  if (name.kind !== 'election') throw new SchemaViolation('only an election publishes a value', false, 'name');
}
