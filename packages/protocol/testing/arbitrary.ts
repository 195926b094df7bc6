// Every operation, result, event and command that the schema allows, for property tests.
import * as fc from 'fast-check';
import type { CommandHeader, Identity } from '../src/command.ts';
import { commandVersion } from '../src/command.ts';
import type { KeyEvent, RevisionEvents } from '../src/event.ts';
import { limits } from '../src/limits.ts';
import type {
  Compare,
  Delete,
  KeyRange,
  LockClaim,
  LockName,
  LockRequestId,
  Operation,
  Put,
  Range,
  Txn,
  TxnOperation,
} from '../src/operation.ts';
import type {
  KeyValue,
  LockAcquireResult,
  LockHolder,
  LockStanding,
  LockState,
  LockWaiter,
  PastHold,
  Result,
  TxnResult,
} from '../src/result.ts';

/** Objects as the decoder makes them: fast-check leaves the prototype away now and then, and deepEqual sees it. */
export const record = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record<T>(fields, { noNullPrototype: true });

const safe = (min: number): fc.Arbitrary<number> =>
  fc.oneof(
    fc.integer({ min, max: 300 }),
    fc.constantFrom(0xffff, 0x1_0000, 0xffff_ffff, 0x1_0000_0000, Number.MAX_SAFE_INTEGER),
    fc.maxSafeNat().map((n) => Math.max(n, min)),
  );
export const revision: fc.Arbitrary<number> = safe(0);
export const id: fc.Arbitrary<number> = safe(1);
export const bool: fc.Arbitrary<boolean> = fc.boolean();
export const orNull = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(arbitrary, { nil: null });
export const bin = (minLength: number, maxLength: number): fc.Arbitrary<Uint8Array> =>
  // A plain copy: fast-check answers subclasses that deepEqual tells from a Uint8Array.
  fc.uint8Array({ minLength, maxLength }).map((bytes) => new Uint8Array(bytes));
export const key: fc.Arbitrary<Uint8Array> = bin(1, 40);
export const writtenKey: fc.Arbitrary<Uint8Array> = key.filter((bytes) => bytes[0] !== 0);
export const value: fc.Arbitrary<Uint8Array> = fc.oneof(bin(0, 40), bin(250, 300));
/** Every text that the protocol carries: a byte order mark in front is refused. */
export const unicode = (maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: 'binary', maxLength }).filter((one) => !one.startsWith('\ufeff'));
export const text = (maxBytes: number): fc.Arbitrary<string> => unicode(Math.floor(maxBytes / 4));
export const metadata: fc.Arbitrary<Record<string, string>> = fc.dictionary(unicode(12), unicode(12), {
  maxKeys: 5,
  noNullPrototype: true,
});
const ttlMs = fc.integer({ min: limits.minTtlMs, max: limits.maxTtlMs });
const remainingMs = fc.integer({ min: 1, max: limits.maxTtlMs });

export const keyRange: fc.Arbitrary<KeyRange> = fc.oneof(
  record({ key, end: fc.constant(null) }),
  record({ key: bin(0, 20), end: bin(0, 20) }),
);
const lockKind = fc.constantFrom('lock' as const, 'election' as const, 'semaphore' as const);

export const lockName: fc.Arbitrary<LockName> = record({
  kind: lockKind,
  name: bin(1, 40),
});
const requestId: fc.Arbitrary<LockRequestId> = record({ session: id, sequence: id });

const permitLimit = fc.integer({ min: 1, max: limits.maxPermits });
const plainClaim: fc.Arbitrary<LockClaim> = record({
  mode: fc.constantFrom('exclusive' as const, 'shared' as const),
  name: record({ kind: fc.constant('lock' as const), name: bin(1, 40) }),
});
const permitClaim: fc.Arbitrary<LockClaim> = fc
  .record({ name: bin(1, 40), limit: permitLimit, count: permitLimit })
  .map(({ name, limit, count }) => ({
    mode: 'permits',
    name: { kind: 'semaphore', name },
    limit,
    count: Math.min(count, limit),
  }));
const campaign: fc.Arbitrary<LockClaim> = record({
  mode: fc.constant('exclusive' as const),
  name: record({ kind: fc.constant('election' as const), name: bin(1, 40) }),
});
const claims: fc.Arbitrary<LockClaim[]> = fc.oneof(
  campaign.map((claim) => [claim]),
  fc.uniqueArray(fc.oneof(plainClaim, permitClaim), {
    minLength: 1,
    maxLength: 4,
    selector: ({ name }) => `${name.kind} ${name.name.join()}`,
  }),
);
const keeping = fc.uniqueArray(id, { maxLength: 4 });

const typed = <N extends string, T extends object>(type: N, fields: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  record({ type: fc.constant(type), ...fields }) as fc.Arbitrary<{ type: N } & T>;

const put: fc.Arbitrary<Put> = typed('put', { key: writtenKey, value, lease: orNull(id), returnPrevious: bool });
const del: fc.Arbitrary<Delete> = typed('delete', {
  range: keyRange.filter(({ key: first }) => first[0] !== 0),
  returnPrevious: bool,
});
const rangeAt = (at: fc.Arbitrary<number | null>): fc.Arbitrary<Range> =>
  typed('range', {
    range: keyRange,
    revision: at,
    limit: fc.integer({ min: 0, max: limits.maxRangeEntries }),
    order: fc.constantFrom('ascending' as const, 'descending' as const),
    keysOnly: bool,
    countOnly: bool,
    modifiedSince: orNull(revision),
  });
const relation = fc.constantFrom('=' as const, '!=' as const, '<' as const, '>' as const);

export const compare: fc.Arbitrary<Compare> = fc.oneof(
  record({
    target: fc.constantFrom('version' as const, 'create' as const, 'mod' as const, 'lease' as const),
    key,
    relation,
    operand: revision,
  }),
  record({ target: fc.constant('value' as const), key, relation, operand: value }),
  record({ target: fc.constant('lock' as const), name: lockName, fence: id, holder: orNull(requestId) }),
);

/** At most one range delete, and puts at keys of their own: a key may be written once in one branch. */
const branch: fc.Arbitrary<TxnOperation[]> = fc
  .tuple(
    fc.uniqueArray(put, { maxLength: 4, selector: (one) => one.key.join() }),
    fc.array(rangeAt(fc.constant(null)), { maxLength: 3 }),
    fc.option(del, { nil: null }),
  )
  .map(([puts, ranges, gone]) => (gone === null ? [puts, ranges] : [ranges, [gone]]).flat());

const txn: fc.Arbitrary<Txn> = typed('txn', {
  compares: fc.array(compare, { maxLength: 4 }),
  then: branch,
  else: branch,
});

const memberId = fc.integer({ min: 1, max: 0xffff_ffff });
const memberName = text(limits.maxMemberNameBytes);
const memberUrl = fc.constantFrom('ws://127.0.0.1:7401', 'wss://m-1.example.org:443/', 'ws://[::1]:65535');
const wantedRole = fc.constantFrom('voter' as const, 'learner' as const);
const memberRole = fc.constantFrom('voter' as const, 'learner' as const, 'removed' as const);
const described = { member: memberId, name: memberName, clientUrl: memberUrl, peerUrl: memberUrl };

export const operation: fc.Arbitrary<Operation> = fc.oneof<fc.Arbitrary<Operation>[]>(
  put,
  del,
  txn,
  rangeAt(orNull(revision)),
  typed('leaseGrant', { ttlMs }),
  typed('leaseRevoke', { lease: id }),
  typed('sessionOpen', { ttlMs, secretHash: bin(32, 32), metadata }),
  typed('sessionAttach', {
    sessions: fc.array(record({ session: id, secretHash: bin(32, 32), epoch: id }), { maxLength: 4 }),
  }),
  typed('sessionClose', { session: id }),
  fc
    .record({ claims, wait: bool, value, lockDelayMs: fc.integer({ min: 0, max: limits.maxLockDelayMs }), keeping })
    .map(({ claims: claimed, value: published, wait, lockDelayMs, keeping: kept }) => ({
      type: 'lockAcquire',
      claims: claimed,
      wait,
      value: claimed[0]?.name.kind === 'election' ? published : null,
      lockDelayMs,
      keeping: wait ? kept : [],
    })),
  typed('lockRelease', { sequence: id, fence: id, heir: orNull(requestId) }),
  typed('lockBreak', { name: lockName, fence: id, holder: orNull(requestId), now: bool }),
  typed('lockCancel', { sequence: id }),
  fc
    .record({ sequence: id, mode: fc.constantFrom('exclusive' as const, 'shared' as const), wait: bool, keeping })
    .map(({ keeping: kept, mode, sequence, wait }) => {
      const waits = wait && mode === 'exclusive';
      return {
        type: 'lockConvert' as const,
        sequence,
        mode,
        wait: waits,
        keeping: waits ? kept.filter((one) => one !== sequence) : [],
      };
    }),
  record({ name: bin(1, 40), fence: id, value }).map(({ name, fence, value: published }) => ({
    type: 'proclaim',
    name: { kind: 'election', name },
    fence,
    value: published,
  })),
  typed('compact', { revision: id }),
  typed('leaseExpire', { lease: id, generation: revision, term: id }),
  typed('leaseCheckpoint', {
    term: id,
    leases: fc.array(record({ lease: id, remainingMs: orNull(remainingMs) }), { maxLength: 4 }),
  }),
  typed('lockDelayEnd', { session: id, sequence: id, term: id }),
  typed('memberAdd', {
    name: orNull(memberName),
    clientUrl: memberUrl,
    peerUrl: memberUrl,
    joinSecretHash: bin(32, 32),
    role: wantedRole,
  }),
  typed('memberUpdate', {
    member: memberId,
    name: orNull(memberName),
    clientUrl: orNull(memberUrl),
    peerUrl: orNull(memberUrl),
  }),
  typed('memberRole', { member: memberId, role: memberRole }),
  typed('clusterSet', { leaseReads: orNull(bool) }),
  typed('memberSeed', { members: fc.array(record({ ...described, role: wantedRole }), { maxLength: 4 }) }),
  typed('clusterLevel', { level: fc.integer({ min: 1, max: 0xffff }) }),
  record({ type: fc.constant('members' as const) }),
  typed('lease', { lease: id }),
  typed('leaseKeys', { lease: id, after: orNull(key), limit: fc.integer({ min: 0, max: limits.maxListEntries }) }),
  typed('leases', { after: revision, limit: fc.integer({ min: 0, max: limits.maxListEntries }) }),
  typed('lock', { name: lockName }),
  typed('lockRequest', { session: id, sequence: id }),
  typed('locks', {
    kind: lockKind,
    after: orNull(bin(1, 40)),
    limit: fc.integer({ min: 0, max: limits.maxListEntries }),
  }),
);

export const keyValue: fc.Arbitrary<KeyValue> = record({
  key,
  value: orNull(value),
  createRevision: revision,
  modRevision: revision,
  version: id,
  lease: orNull(id),
});
const entries = fc.array(keyValue, { maxLength: 5 });
const putResult = typed('put', { revision, previous: orNull(keyValue) });
const deleteResult = typed('delete', { revision, deleted: revision, previous: entries });
const rangeResult = typed('range', { revision, entries, more: bool, count: revision });
const txnResults: fc.Arbitrary<TxnResult['results']> = fc.array(
  fc.oneof<fc.Arbitrary<TxnResult['results'][number]>[]>(putResult, deleteResult, rangeResult),
  { maxLength: 4 },
);
const lockState: fc.Arbitrary<LockState> = fc.oneof<fc.Arbitrary<LockState>[]>(
  record({ state: fc.constantFrom('held' as const, 'released' as const), fence: id }),
  record({ state: fc.constant('queued' as const), ahead: revision }),
  record({ state: fc.constantFrom('refused' as const, 'cancelled' as const) }),
);
const lockStanding: fc.Arbitrary<LockStanding> = fc.oneof<fc.Arbitrary<LockStanding>[]>(
  record({ state: fc.constant('held' as const), fence: id }),
  record({ state: fc.constant('queued' as const), ahead: revision }),
);
const waiting = {
  session: id,
  sequence: id,
  mode: fc.constantFrom('exclusive' as const, 'shared' as const, 'permits' as const),
  count: revision,
  sinceWallMs: revision,
};
const waiter: fc.Arbitrary<LockWaiter> = record(waiting);
const holder: fc.Arbitrary<LockHolder> = record({
  ...waiting,
  fence: id,
  delayMs: orNull(fc.integer({ min: 0, max: limits.maxTtlMs })),
});
const past: fc.Arbitrary<PastHold> = record({
  session: id,
  sequence: id,
  fence: id,
  sinceWallMs: revision,
  endedWallMs: revision,
  end: fc.constantFrom(
    'released' as const,
    'broken' as const,
    'expired' as const,
    'closed' as const,
    'revoked' as const,
  ),
});
const lease = record({ lease: id, ttlMs, isSession: bool, metadata, keys: revision, holds: revision });

export const result: fc.Arbitrary<Result> = fc.oneof<fc.Arbitrary<Result>[]>(
  putResult,
  deleteResult,
  rangeResult,
  typed('txn', { revision, succeeded: bool, results: txnResults }),
  typed('leaseGrant', { lease: id, ttlMs }),
  typed('leaseRevoke', { revision, existed: bool }),
  typed('sessionOpen', { session: id, ttlMs }),
  typed('sessionAttach', { sessions: fc.array(record({ session: id, ttlMs: orNull(ttlMs) }), { maxLength: 4 }) }),
  fc
    .tuple(revision, lockState)
    .map(([at, state]): LockAcquireResult => Object.assign({ type: 'lockAcquire' as const, revision: at }, state)),
  typed('lockRelease', {
    revision,
    outcome: fc.constantFrom('released' as const, 'ended' as const, 'kept' as const),
  }),
  typed('lockBreak', { revision, broken: bool, delayMs: fc.integer({ min: 0, max: limits.maxTtlMs }) }),
  typed('lockCancel', { revision, was: fc.constantFrom('queued' as const, 'held' as const, 'ended' as const) }),
  typed('lockConvert', {
    revision,
    outcome: fc.constantFrom('held' as const, 'queued' as const, 'refused' as const, 'ended' as const),
    fence: orNull(id),
  }),
  typed('proclaim', { revision, written: bool }),
  typed('compact', { revision }),
  typed('memberAdd', { member: memberId }),
  typed('memberUpdate', { changed: bool }),
  typed('memberRole', { changed: bool }),
  typed('clusterSet', { changed: bool }),
  typed('members', {
    leaseReads: bool,
    members: fc.array(record({ ...described, role: memberRole }), { maxLength: 4 }),
  }),
  typed('lease', { lease: orNull(lease) }),
  typed('leaseKeys', { keys: fc.array(key, { maxLength: 4 }), more: bool }),
  typed('leases', { leases: fc.array(lease, { maxLength: 4 }), more: bool }),
  typed('lock', {
    lock: record({
      name: lockName,
      limit: orNull(permitLimit),
      holding: revision,
      holders: fc.array(holder, { maxLength: 4 }),
      waiting: revision,
      queue: fc.array(waiter, { maxLength: 4 }),
      past: fc.array(past, { maxLength: 4 }),
    }),
  }),
  typed('locks', {
    locks: fc.array(
      record({ name: lockName, holder: orNull(holder), holding: revision, waiting: revision, delayed: bool }),
      { maxLength: 4 },
    ),
    more: bool,
  }),
  typed('lockRequest', { request: orNull(lockStanding) }),
);

const keyEvent: fc.Arbitrary<KeyEvent> = fc.oneof<fc.Arbitrary<KeyEvent>[]>(
  typed('put', { entry: keyValue, previous: orNull(keyValue) }),
  typed('delete', {
    key,
    previous: orNull(keyValue),
    cause: fc.constantFrom('delete' as const, 'lease' as const, 'release' as const),
  }),
);

export const events: fc.Arbitrary<RevisionEvents> = record({
  revision,
  events: fc.array(keyEvent, { maxLength: 6 }),
  author: orNull(text(limits.maxAuthorBytes)),
  reason: orNull(text(limits.maxReasonBytes)),
  wallTimeMs: revision,
});

export const identity: fc.Arbitrary<Identity> = fc.oneof<fc.Arbitrary<Identity>[]>(
  record({ by: fc.constant('none' as const) }),
  record({ by: fc.constant('session' as const), session: id, sequence: id, acknowledgedBelow: id, epoch: revision }),
  record({ by: fc.constant('key' as const), key: bin(1, limits.maxIdempotencyKeyBytes) }),
);

export const header: fc.Arbitrary<CommandHeader> = record({
  version: fc.integer({ min: 1, max: commandVersion }),
  clusterTimeMs: revision,
  wallTimeMs: revision,
  identity,
  author: orNull(text(limits.maxAuthorBytes)),
  reason: orNull(text(limits.maxReasonBytes)),
});
