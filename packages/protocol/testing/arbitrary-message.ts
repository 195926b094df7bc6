// Every message that the schema allows, for property tests.
import * as fc from 'fast-check';
import type { ClusterStatus, MemberRole, MemberStanding } from '../src/client/cluster.ts';
import type { MemberAddress, SessionClaim } from '../src/client/handshake.ts';
import type { ClientMessage, MemberMessage } from '../src/client/message.ts';
import type { ErrorBody } from '../src/client/request.ts';
import type { SessionEndCause } from '../src/client/session.ts';
import type { WatchCreate, WatchStart } from '../src/client/watch.ts';
import { wireLimits } from '../src/client/wire-limits.ts';
import { type ErrorCode, errorCodes } from '../src/error.ts';
import { limits } from '../src/limits.ts';
import type { SessionStanding } from '../src/result.ts';
import { bin, bool, id, identity, keyRange, metadata, orNull, record, revision, text } from './arbitrary.ts';

const typed = <N extends string, T extends object>(type: N, fields: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  record({ type: fc.constant(type), ...fields }) as fc.Arbitrary<{ type: N } & T>;

const uint32 = fc.integer({ min: 1, max: 0xffff_ffff });
const ttlMs = fc.integer({ min: limits.minTtlMs, max: limits.maxTtlMs });
const upTo = (max: number): fc.Arbitrary<number> => fc.integer({ min: 1, max });
const few = { maxLength: 4 } as const;
const name = text(wireLimits.maxNameBytes);
const url = text(wireLimits.maxUrlBytes);
const version = upTo(0xffff);
const features = fc.array(name, few);
const deadlineMs = orNull(fc.integer({ min: 0, max: wireLimits.maxDeadlineMs }));
const bytes = bin(1, 300);

const claim: fc.Arbitrary<SessionClaim> = record({ session: id, secret: bin(16, 16), epoch: id });
const standing: fc.Arbitrary<SessionStanding> = record({ session: id, ttlMs: orNull(ttlMs) });
const member: fc.Arbitrary<MemberAddress> = record({ id, name, clientUrl: url });
const error: fc.Arbitrary<ErrorBody> = record({
  code: fc.constantFrom(...(Object.keys(errorCodes) as ErrorCode[])),
  message: text(wireLimits.maxErrorMessageBytes),
  outcome: fc.constantFrom('not-applied' as const, 'unknown' as const),
  details: fc.dictionary(text(40), fc.oneof<fc.Arbitrary<number | string>[]>(revision, text(40)), {
    maxKeys: 4,
    noNullPrototype: true,
  }),
});
const from: fc.Arbitrary<WatchStart> = fc.oneof<fc.Arbitrary<WatchStart>[]>(
  record({ at: fc.constantFrom('now' as const, 'snapshot' as const) }),
  record({ at: fc.constant('revision' as const), revision: id }),
);

export const clientMessage: fc.Arbitrary<ClientMessage> = fc.oneof<fc.Arbitrary<ClientMessage>[]>(
  typed('hello', {
    minVersion: version,
    maxVersion: version,
    features,
    author: orNull(name),
    clusterId: orNull(name),
    sessions: fc.array(claim, few),
  }),
  typed('mutate', { id: uint32, identity, reason: orNull(text(limits.maxReasonBytes)), deadlineMs, operation: bytes }),
  typed('query', {
    id: uint32,
    consistency: fc.constantFrom('linearizable' as const, 'local' as const),
    minRevision: revision,
    deadlineMs,
    operation: bytes,
  }),
  typed('sessionOpen', { id: uint32, ttlMs, secret: bin(16, 16), metadata }),
  typed('sessionResume', { id: uint32, sessions: fc.array(claim, few) }),
  typed('leaseTimes', { id: uint32, leases: fc.array(id, few) }),
  typed('keepalive', { id: uint32, leases: fc.array(id, few) }),
  typed('keepaliveHolds', {
    id: uint32,
    leases: fc.array(id, few),
    holds: fc.array(record({ session: id, sequence: id, fence: id }), few),
  }),
  typed<'watchCreate', Omit<WatchCreate, 'type'>>('watchCreate', {
    watch: uint32,
    selectors: fc.array(keyRange, few),
    from,
    keysOnly: bool,
    previous: bool,
    events: fc.constantFrom('all', 'put', 'delete'),
    progressMs: orNull(fc.integer({ min: wireLimits.minProgressMs, max: wireLimits.maxProgressMs })),
    onCompaction: fc.constantFrom('error', 'resync'),
    creditBytes: upTo(wireLimits.maxCreditBytes),
  }),
  typed('watchCredit', { watch: uint32, bytes: upTo(wireLimits.maxCreditBytes) }),
  typed('watchCancel', { watch: uint32 }),
  typed('statusRequest', { id: uint32 }),
  typed('transferLeader', { id: uint32, to: orNull(id) }),
  typed('backupRead', { id: uint32, chunk: upTo(0xffff_ffff) }),
);

const status: fc.Arbitrary<ClusterStatus> = record({
  clusterId: name,
  term: revision,
  leader: orNull(id),
  revision,
  hasQuorum: bool,
  incarnation: id,
  level: upTo(0xffff),
  leaseReads: bool,
  members: fc.array(
    record({
      id,
      name,
      role: fc.constantFrom<MemberRole>('leader', 'follower', 'candidate', 'learner', 'unreachable'),
      standing: fc.constantFrom<MemberStanding>('voter', 'learner', 'joining', 'leaving'),
      clientUrl: url,
      peerUrl: url,
      applied: orNull(revision),
      commit: orNull(revision),
      durable: orNull(revision),
      pid: orNull(id),
      diskLow: orNull(bool),
    }),
    few,
  ),
});

export const memberMessage: fc.Arbitrary<MemberMessage> = fc.oneof<fc.Arbitrary<MemberMessage>[]>(
  typed('welcome', {
    version,
    features,
    clusterId: name,
    incarnation: id,
    memberId: id,
    leaderId: orNull(id),
    members: fc.array(member, few),
    revision,
    windowRequests: id,
    windowBytes: id,
    maxFrameBytes: upTo(wireLimits.maxClientFrameBytes),
    sessions: fc.array(standing, few),
  }),
  typed('result', { id: uint32, stalenessMs: orNull(revision), result: bytes }),
  typed('error', { id: uint32, error }),
  typed('sessionsResumed', { id: uint32, sessions: fc.array(standing, few) }),
  typed('leaseTimesAnswer', {
    id: uint32,
    leases: fc.array(record({ lease: id, remainingMs: orNull(fc.integer({ min: 1, max: limits.maxTtlMs })) }), few),
  }),
  typed('keepaliveAnswer', { id: uint32, leases: fc.array(record({ lease: id, ttlMs: orNull(ttlMs) }), few) }),
  typed('keepaliveHoldsAnswer', {
    id: uint32,
    leases: fc.array(record({ lease: id, ttlMs: orNull(ttlMs) }), few),
    lost: orNull(fc.array(fc.integer({ min: 0, max: wireLimits.maxHoldsPerKeepalive - 1 }), few)),
  }),
  typed('granted', { session: id, sequence: id, fence: id, contended: bool }),
  typed('contended', { session: id, sequence: id }),
  typed('broken', {
    session: id,
    sequence: id,
    fence: id,
    delayMs: upTo(limits.maxTtlMs),
    author: orNull(name),
    reason: orNull(name),
  }),
  typed('sessionEnded', {
    session: id,
    cause: fc.constantFrom<SessionEndCause>('expired', 'closed', 'revoked', 'fenced'),
  }),
  typed('watchCreated', { watch: uint32, revision }),
  typed('watchEvents', { watches: fc.array(uint32, few), more: bool, bytes }),
  typed('watchSnapshot', { watch: uint32, revision, entries: bytes }),
  typed('watchSynced', { watch: uint32, revision }),
  typed('watchProgress', { watches: fc.array(uint32, few), revision }),
  typed('watchEnded', { watch: uint32, error: orNull(error) }),
  typed('status', { id: uint32, status }),
  typed('transferred', { id: uint32, leaderId: id }),
  typed('backupChunk', { id: uint32, bytes: orNull(bytes) }),
  typed('membersChanged', { leaderId: orNull(id), members: fc.array(member, few) }),
  typed('goodbye', { error, retryAfterMs: orNull(revision) }),
);
