// Sessions and leases of one connection: opened, taken over, kept alive, granted to, ended.
import { limits } from '../limits.ts';
import type { Fence, LeaseId, LeaseRemaining } from '../operation.ts';
import { leaseRemaining } from '../operation-schema.ts';
import type { SessionStanding } from '../result.ts';
import { sessionStanding } from '../result-schema.ts';
import { boolean, choice, integer, nullable, text } from '../schema/primitive.ts';
import { record } from '../schema/record.ts';
import { type CaseTable, list, type Structure, structure } from '../schema/structure.ts';
import * as shared from '../schema/vocabulary.ts';
import { type SessionClaim, sessionClaim, sessionSecret } from './handshake.ts';
import { requestId } from './request.ts';
import { wireLimits } from './wire-limits.ts';

/**
 * Answered by `result` (of the operation `sessionOpen`) or `error`. Safe to send again with the same secret: it names the session until
 * the client knows the id.
 */
export interface SessionOpenRequest {
  readonly type: 'sessionOpen';
  readonly id: number;
  readonly ttlMs: number;
  /** 128 random bits, made by the client. Members log only its SHA-256. */
  readonly secret: Uint8Array;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Takes sessions over to this connection after the hello. Answered by `sessionsResumed` or `error`. */
export interface SessionResume {
  readonly type: 'sessionResume';
  readonly id: number;
  readonly sessions: readonly SessionClaim[];
}

export interface SessionsResumed {
  readonly type: 'sessionsResumed';
  readonly id: number;
  readonly sessions: readonly SessionStanding[];
}

/**
 * Renews sessions of this connection, and leases, which anybody may renew. Answered by `keepaliveAnswer` or `error`. A session that is not, or
 * no longer, this connection's is not renewed: `sessionEnded` with `fenced` comes before the answer, which does not name it.
 */
export interface Keepalive {
  readonly type: 'keepalive';
  readonly id: number;
  readonly leases: readonly LeaseId[];
}

export interface LeaseStanding {
  readonly lease: LeaseId;
  /** Confirmed, counted from when the keepalive was sent. Null: it has ended. */
  readonly ttlMs: number | null;
}

/** In the order of the request, without sessions of other connections. Given only after a confirmation of leadership that began after the keepalive had arrived. */
export interface KeepaliveAnswer {
  readonly type: 'keepaliveAnswer';
  readonly id: number;
  readonly leases: readonly LeaseStanding[];
}

/** A hold: the acquire that has it, and its fence. */
export interface HoldProof {
  readonly session: LeaseId;
  /** Of the acquire. */
  readonly sequence: number;
  readonly fence: Fence;
}

/**
 * A keepalive that asks, too, which of these holds are lost. Only to members that have the feature `holds`. Answered by `keepaliveHoldsAnswer` or
 * `error`.
 */
export interface KeepaliveHolds {
  readonly type: 'keepaliveHolds';
  readonly id: number;
  readonly leases: readonly LeaseId[];
  readonly holds: readonly HoldProof[];
}

export interface KeepaliveHoldsAnswer {
  readonly type: 'keepaliveHoldsAnswer';
  readonly id: number;
  /** As in `keepaliveAnswer`. */
  readonly leases: readonly LeaseStanding[];
  /**
   * Places in the request, from 0, of what is not held any more: of a state that has everything acknowledged before the keepalive arrived. All others
   * are held, under that fence or a later one. Null: this member's state is not that new, and nothing is known.
   */
  readonly lost: readonly number[] | null;
}

/** How much time leases and sessions have left, anybody's; renews nothing. Answered by `leaseTimesAnswer` or `error`. */
export interface LeaseTimes {
  readonly type: 'leaseTimes';
  readonly id: number;
  readonly leases: readonly LeaseId[];
}

/** In the order of the request; confirmed like a keepalive. `remainingMs` null: it has ended. */
export interface LeaseTimesAnswer {
  readonly type: 'leaseTimesAnswer';
  readonly id: number;
  readonly leases: readonly LeaseRemaining[];
}

/** A queued `lockAcquire` was granted. May come more than once, and before the answer that says `queued`. */
export interface Granted {
  readonly type: 'granted';
  readonly session: LeaseId;
  /** Of the acquire. */
  readonly sequence: number;
  readonly fence: Fence;
  /** Somebody waits for it already. */
  readonly contended: boolean;
}

/** Somebody has begun to wait for what a request holds, and nobody did before. A hint for whoever can give it back early. */
export interface Contended {
  readonly type: 'contended';
  readonly session: LeaseId;
  /** Of the acquire. */
  readonly sequence: number;
}

/**
 * A hold ended because somebody broke it; the session and its other holds live on. Not sent for what the session gave back itself. Told once, to
 * the connection that has the session when it happens: whoever was elsewhere learns it when he asks.
 */
export interface Broken {
  readonly type: 'broken';
  readonly session: LeaseId;
  /** Of the acquire. */
  readonly sequence: number;
  readonly fence: Fence;
  /** Counted from the break, nobody is granted for so long. 0: the next one holds already. */
  readonly delayMs: number;
  /** Who broke it, and why: what the connection and the request that broke it said. */
  readonly author: string | null;
  readonly reason: string | null;
}

/** `fenced`: another connection resumed it with a larger epoch; the session lives on there. `revoked`: somebody else ended it. */
export type SessionEndCause = 'expired' | 'closed' | 'revoked' | 'fenced';

export interface SessionEnded {
  readonly type: 'sessionEnded';
  readonly session: LeaseId;
  readonly cause: SessionEndCause;
}

export const leaseStanding: Structure<LeaseStanding> = structure<LeaseStanding>('LeaseStanding', {
  lease: shared.leaseId,
  ttlMs: nullable(shared.ttlMs),
});

export const sessionOpenCase: CaseTable<SessionOpenRequest, 'type'> = {
  tag: 4,
  fields: {
    id: requestId,
    ttlMs: shared.ttlMs,
    secret: sessionSecret,
    metadata: record<string>('metadata', limits.maxSessionMetadataBytes, false),
  },
};

export const sessionResumeCase: CaseTable<SessionResume, 'type'> = {
  tag: 5,
  fields: { id: requestId, sessions: list(sessionClaim, wireLimits.maxSessionsPerConnection) },
};

export const keepaliveCase: CaseTable<Keepalive, 'type'> = {
  tag: 6,
  fields: { id: requestId, leases: list(shared.leaseId, wireLimits.maxLeasesPerKeepalive) },
};

export const holdProof: Structure<HoldProof> = structure<HoldProof>('HoldProof', {
  session: shared.leaseId,
  sequence: shared.sequence,
  fence: shared.fence,
});

export const keepaliveHoldsCase: CaseTable<KeepaliveHolds, 'type'> = {
  tag: 14,
  fields: {
    id: requestId,
    leases: list(shared.leaseId, wireLimits.maxLeasesPerKeepalive),
    holds: list(holdProof, wireLimits.maxHoldsPerKeepalive),
  },
};

export const leaseTimesCase: CaseTable<LeaseTimes, 'type'> = {
  tag: 13,
  fields: { id: requestId, leases: list(shared.leaseId, wireLimits.maxLeasesPerKeepalive) },
};

export const leaseTimesAnswerCase: CaseTable<LeaseTimesAnswer, 'type'> = {
  tag: 84,
  fields: { id: requestId, leases: list(leaseRemaining, wireLimits.maxLeasesPerKeepalive) },
};

export const sessionsResumedCase: CaseTable<SessionsResumed, 'type'> = {
  tag: 67,
  fields: { id: requestId, sessions: list(sessionStanding, wireLimits.maxSessionsPerConnection) },
};

export const keepaliveAnswerCase: CaseTable<KeepaliveAnswer, 'type'> = {
  tag: 68,
  fields: { id: requestId, leases: list(leaseStanding, wireLimits.maxLeasesPerKeepalive) },
};

export const keepaliveHoldsAnswerCase: CaseTable<KeepaliveHoldsAnswer, 'type'> = {
  tag: 85,
  fields: {
    id: requestId,
    leases: list(leaseStanding, wireLimits.maxLeasesPerKeepalive),
    lost: nullable(list(integer('place', 0, wireLimits.maxHoldsPerKeepalive - 1), wireLimits.maxHoldsPerKeepalive)),
  },
};

export const grantedCase: CaseTable<Granted, 'type'> = {
  tag: 69,
  fields: { session: shared.leaseId, sequence: shared.sequence, fence: shared.fence, contended: boolean },
};

export const contendedCase: CaseTable<Contended, 'type'> = {
  tag: 83,
  fields: { session: shared.leaseId, sequence: shared.sequence },
};

export const brokenCase: CaseTable<Broken, 'type'> = {
  tag: 80,
  fields: {
    session: shared.leaseId,
    sequence: shared.sequence,
    fence: shared.fence,
    delayMs: integer('ms', 0, limits.maxTtlMs),
    author: nullable(text('author', limits.maxAuthorBytes)),
    reason: nullable(text('reason', limits.maxReasonBytes)),
  },
};

export const sessionEndedCase: CaseTable<SessionEnded, 'type'> = {
  tag: 70,
  fields: {
    session: shared.leaseId,
    cause: choice<SessionEndCause>('cause', { expired: 0, closed: 1, revoked: 2, fenced: 3 }),
  },
};
