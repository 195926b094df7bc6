import { encodeOperation, type LeaseId, type SessionClaim, type SessionStanding } from '@conclave/protocol';
import type { StateMachine } from '@conclave/state-machine';
import type { Clock } from '../environment.ts';
import type { Renewals } from '../lease/renewals.ts';
import { Mutation, type ProposalLane, type Settled } from '../mutation.ts';
import type { Mutations } from '../mutations.ts';
import { bounds } from '../settings.ts';
import type { Attached, Attachments } from './attachments.ts';

/** Null: it could not be found out whether they live. */
type Done = (standings: readonly SessionStanding[] | null) => void;

/** Who claims, and from which queue its claims are proposed. */
interface Claimant {
  readonly by: Attached;
  readonly lane: ProposalLane;
  readonly author: string | null;
}

/**
 * Takes sessions over to a connection: by an entry of the log, so that every member knows which connection is the present one, and what comes
 * under an older epoch is not applied wherever it was proposed. What the entry took is renewed by the way.
 */
export class SessionClaims {
  readonly #machine: Pick<StateMachine, 'session'>;
  readonly #mutations: Pick<Mutations, 'submit'>;
  readonly #renewals: Pick<Renewals, 'renew'>;
  readonly #attachments: Attachments;
  readonly #clock: Clock;
  readonly #hasLeader: () => boolean;
  readonly #hash: (bytes: Uint8Array) => Uint8Array;

  constructor(
    machine: Pick<StateMachine, 'session'>,
    mutations: Pick<Mutations, 'submit'>,
    renewals: Pick<Renewals, 'renew'>,
    attachments: Attachments,
    { clock, hash }: { readonly clock: Clock; readonly hash: (bytes: Uint8Array) => Uint8Array },
    hasLeader: () => boolean,
  ) {
    this.#machine = machine;
    this.#mutations = mutations;
    this.#renewals = renewals;
    this.#attachments = attachments;
    this.#clock = clock;
    this.#hash = hash;
    this.#hasLeader = hasLeader;
  }

  /** The session was opened over this connection. */
  opened(session: LeaseId, by: Attached): boolean {
    // Opened again over another connection, it may have been resumed since: then this answer comes too late to have it.
    return this.#machine.session(session)?.epoch === 0 && this.#attachments.attach(session, 0, by);
  }

  /** A session of the cluster that is not on this connection, as far as is known here. */
  isElsewhere(lease: LeaseId, by: Attached): boolean {
    return !this.#attachments.isAttached(lease, by) && this.#machine.session(lease) !== null;
  }

  take(claims: readonly SessionClaim[], { author, by, lane }: Claimant, done: Done): void {
    if (claims.length === 0) return done([]);
    // At once: the client has the time of its sessions to find a member that knows one.
    if (!this.#hasLeader()) return done(null);
    const sessions = claims.map(({ epoch, secret, session }) => ({ session, secretHash: this.#hash(secret), epoch }));
    const operation = encodeOperation({ type: 'sessionAttach', sessions });
    const settle = (settled: Settled): void => {
      // Perhaps it was taken, and nobody knows: the client claims again, with a larger epoch.
      if ('error' in settled || settled.response.type !== 'sessionAttach') return done(null);
      const { sessions: taken } = settled.response;
      this.#renew(
        claims,
        claims.filter(({ epoch, session }, at) => {
          return (taken[at]?.ttlMs ?? null) !== null && this.#attachments.attach(session, epoch, by);
        }),
        by,
        done,
      );
    };
    // Sent twice, the second would find its own epoch taken: what is lost on the way is claimed anew.
    const intent = { identity: { by: 'none' }, author, reason: null, operation } as const;
    const deadlineMs = this.#clock.nowMs() + bounds.renewalPatienceMs;
    this.#mutations.submit(new Mutation(intent, { from: 'client', lane, settle }, deadlineMs));
  }

  #renew(claims: readonly SessionClaim[], taken: readonly SessionClaim[], by: Attached, done: Done): void {
    this.#renewals.renew(
      taken.map(({ session }) => session),
      (ttlsMs) => {
        if (ttlsMs === null) for (const { session } of taken) this.#attachments.detach(session, by);
        done(ttlsMs === null ? null : standings(claims, taken, ttlsMs));
      },
    );
  }
}

function standings(
  claims: readonly SessionClaim[],
  living: readonly SessionClaim[],
  ttlsMs: readonly (number | null)[],
): SessionStanding[] {
  const ttlOf = new Map(living.map(({ session }, at) => [session, ttlsMs[at] ?? null]));
  return claims.map(({ session }) => ({ session, ttlMs: ttlOf.get(session) ?? null }));
}
