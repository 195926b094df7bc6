// The first message of each side. Nothing else is read from a connection before its hello.
import { limits } from '../limits.ts';
import type { LeaseId } from '../operation.ts';
import type { SessionStanding } from '../result.ts';
import { sessionStanding } from '../result-schema.ts';
import { bytes, integer, nullable, text } from '../schema/primitive.ts';
import { type CaseTable, list, type Structure, structure } from '../schema/structure.ts';
import type { Type } from '../schema/type.ts';
import * as shared from '../schema/vocabulary.ts';
import { wireLimits } from './wire-limits.ts';

/** A session as its client proves it: by the secret that it made when it opened it. */
export interface SessionClaim {
  readonly session: LeaseId;
  readonly secret: Uint8Array;
  /** One more at each resumption, counted by the client. Of two connections the one with the larger epoch has the session. */
  readonly epoch: number;
}

export interface Hello {
  readonly type: 'hello';
  readonly minVersion: number;
  readonly maxVersion: number;
  /** Abilities of the client that a version does not imply, by name. */
  readonly features: readonly string[];
  /** Author of everything that comes over this connection, until there is authentication. Null: unknown. */
  readonly author: string | null;
  /** The cluster that the client was connected to before; another one refuses it. Null: any. */
  readonly clusterId: string | null;
  /** As `sessionResume`, in the same round trip. */
  readonly sessions: readonly SessionClaim[];
}

/** A member as clients know it. */
export interface MemberAddress {
  readonly id: number;
  readonly name: string;
  readonly clientUrl: string;
}

export interface Welcome {
  readonly type: 'welcome';
  readonly version: number;
  /** Those of the client's features that this member has too. */
  readonly features: readonly string[];
  readonly clusterId: string;
  /** Grows with each restore from a backup: revisions of another incarnation mean something else. */
  readonly incarnation: number;
  readonly memberId: number;
  readonly leaderId: number | null;
  readonly members: readonly MemberAddress[];
  /** What this member has applied. */
  readonly revision: number;
  /** Requests, and bytes of requests, that may be unanswered; above it this member stops reading. */
  readonly windowRequests: number;
  readonly windowBytes: number;
  /** The largest frame that this member takes. At most `wireLimits.maxClientFrameBytes`. */
  readonly maxFrameBytes: number;
  readonly sessions: readonly SessionStanding[];
}

/** Feature: `keepaliveHolds` and its answer. */
export const holdsFeature = 'holds';

const version = integer('version', 1, 0xffff);
const features = list(text('feature', wireLimits.maxNameBytes), wireLimits.maxFeatures);
export const clusterId: Type<string> = text('cluster id', wireLimits.maxNameBytes);
export const memberId: Type<number> = integer('member id', 1);

export const memberAddress: Structure<MemberAddress> = structure<MemberAddress>('MemberAddress', {
  id: memberId,
  name: text('name', wireLimits.maxNameBytes),
  clientUrl: text('URL', wireLimits.maxUrlBytes),
});

export const sessionSecret: Type<Uint8Array> = bytes(
  'secret',
  wireLimits.sessionSecretBytes,
  wireLimits.sessionSecretBytes,
);

export const sessionClaim: Structure<SessionClaim> = structure<SessionClaim>('SessionClaim', {
  session: shared.leaseId,
  secret: sessionSecret,
  epoch: integer('epoch', 1),
});

/** Reserved: credentials. */
export const helloCase: CaseTable<Hello, 'type'> = {
  tag: 1,
  fields: {
    minVersion: version,
    maxVersion: version,
    features,
    author: nullable(text('author', limits.maxAuthorBytes)),
    clusterId: nullable(clusterId),
    sessions: list(sessionClaim, wireLimits.maxSessionsPerConnection),
  },
  reserved: 1,
};

/** Reserved: the principal that was let in, and the revision of its rights. */
export const welcomeCase: CaseTable<Welcome, 'type'> = {
  tag: 64,
  fields: {
    version,
    features,
    clusterId,
    incarnation: integer('incarnation', 1),
    memberId,
    leaderId: nullable(memberId),
    members: list(memberAddress, wireLimits.maxMembers),
    revision: shared.revision,
    windowRequests: integer('requests', 1),
    windowBytes: integer('bytes', 1),
    maxFrameBytes: integer('bytes', 1, wireLimits.maxClientFrameBytes),
    sessions: list(sessionStanding, wireLimits.maxSessionsPerConnection),
  },
  reserved: 2,
};
