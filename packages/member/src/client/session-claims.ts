import type { SessionClaim, SessionStanding } from '@conclave/protocol';
import type { StateMachine } from '@conclave/state-machine';
import type { Barrier } from '../barrier.ts';
import type { Renewals } from '../lease/renewals.ts';
import type { Attached, Attachments } from './attachments.ts';

/** Null: it could not be found out whether they live. */
type Done = (standings: readonly SessionStanding[] | null) => void;

/** Takes sessions over to a connection: they must live, the secrets must be theirs, and their time is renewed by the way. */
export class SessionClaims {
  readonly #machine: StateMachine;
  readonly #barrier: Barrier;
  readonly #renewals: Renewals;
  readonly #attachments: Attachments;
  readonly #hash: (bytes: Uint8Array) => Uint8Array;

  constructor(
    machine: StateMachine,
    barrier: Barrier,
    renewals: Renewals,
    attachments: Attachments,
    hash: (bytes: Uint8Array) => Uint8Array,
  ) {
    this.#machine = machine;
    this.#barrier = barrier;
    this.#renewals = renewals;
    this.#attachments = attachments;
    this.#hash = hash;
  }

  take(claims: readonly SessionClaim[], by: Attached, done: Done): void {
    if (claims.length === 0) return done([]);
    // This member may lag behind the one that opened the session: only after a read index does "unknown" mean "ended".
    this.#barrier.wait((confirmed) => {
      if (!confirmed) return done(null);
      const living = claims.filter(
        (claim) => this.#isProven(claim) && this.#attachments.attach(claim.session, claim.epoch, by),
      );
      this.#renewals.renew(
        living.map(({ session }) => session),
        (ttlsMs) => {
          if (ttlsMs === null) for (const { session } of living) this.#attachments.detach(session, by);
          done(ttlsMs === null ? null : standings(claims, living, ttlsMs));
        },
      );
    });
  }

  #isProven({ secret, session }: SessionClaim): boolean {
    const known = this.#machine.session(session);
    return known !== null && equalInConstantTime(known.secretHash, this.#hash(secret));
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

/** How long a comparison takes must not tell how much of a secret was guessed. */
function equalInConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let at = 0; at < a.length; at++) difference |= (a[at] ?? 0) ^ (b[at] ?? 0);
  return difference === 0;
}
