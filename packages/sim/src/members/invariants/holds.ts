import { demand } from '../../violation.ts';
import { describe } from '../calls.ts';
import type { ClientProcess } from '../client-process.ts';
import type { Answer, Call, Claim, LeaderRecord, MemberObserver } from '../observer.ts';
import { type AppliedEntry, textOf } from '../oracle.ts';

interface Grant {
  readonly fence: number;
  readonly session: number;
}

/**
 * A lock has one holder at a time, fences only grow, and nobody is granted it while another application would still act as the holder: one that runs
 * until its signal aborts, one that stands still until its clock would tell it so.
 */
export class Holds implements MemberObserver {
  readonly name = 'one holder at a time';
  readonly #clients: readonly ClientProcess[];
  /** By lock, in order. */
  readonly #grants = new Map<string, Grant[]>();
  /** Which lock a session's request is about: a grant names only the request. */
  readonly #requests = new Map<string, string>();
  /** Fences of holds that an operator ended at once: they alone protect what was held. */
  readonly #unprotected = new Set<number>();
  grants = 0;
  observed = 0;

  constructor(clients: readonly ClientProcess[]) {
    this.#clients = clients;
  }

  /** Of the last grant. */
  fenceOf(lock: string): number | null {
    return this.#grants.get(lock)?.at(-1)?.fence ?? null;
  }

  applied({ applied, command }: AppliedEntry): void {
    if (command === null) return;
    const { header, operation } = command;
    const { identity } = header;
    if (operation.type === 'lockBreak' && operation.now) this.#unprotected.add(operation.fence);
    if (operation.type === 'lockAcquire' && identity.by === 'session') {
      const [claim] = operation.claims;
      if (claim === undefined) return;
      const lock = `${claim.name.kind}/${textOf(claim.name.name)}`;
      this.#requests.set(`${identity.session}/${identity.sequence}`, lock);
      const { response } = applied;
      if (!applied.repeated && response?.type === 'lockAcquire' && response.state === 'held')
        this.#granted(lock, { fence: response.fence, session: identity.session });
    }
    for (const notification of applied.notifications) {
      if (notification.type === 'sessionEnded' && notification.cause === 'expired') this.#expired(notification.session);
      if (notification.type !== 'granted') continue;
      const { fence, sequence, session } = notification;
      const lock = this.#requests.get(`${session}/${sequence}`);
      if (lock !== undefined) this.#granted(lock, { fence, session });
    }
  }

  #granted(lock: string, grant: Grant): void {
    this.grants++;
    const known = this.#grants.get(lock);
    const last = known?.at(-1);
    const { fence, session } = grant;
    demand(last === undefined || fence > last.fence, this.name, () => `${lock}: fence ${fence} behind ${last?.fence}`);
    if (known === undefined) this.#grants.set(lock, [grant]);
    else known.push(grant);
    for (const claim of this.#claims()) {
      demand(
        claim.lock !== lock || claim.number === fence,
        this.name,
        () =>
          `${lock} was granted to session ${session} under ${fence}, and ${claim.client.name} still claims ${claim.number}`,
      );
    }
  }

  #expired(session: number): void {
    for (const claim of this.#claims()) {
      const grants = claim.lock === null ? undefined : this.#grants.get(claim.lock);
      const owner = grants?.find(({ fence }) => fence === claim.number)?.session;
      demand(
        owner !== session,
        this.name,
        () => `session ${session} expired, and ${claim.client.name} still claims ${claim.lock} under ${claim.number}`,
      );
    }
  }

  *#claims(): Iterable<Claim> {
    for (const client of this.#clients) {
      for (const claim of client.claims()) if (!this.#unprotected.has(claim.number)) yield claim;
    }
  }

  held({ client, lock, number, signal }: Claim): void {
    if (lock === null || signal.aborted || this.#unprotected.has(number)) return;
    const last = this.fenceOf(lock);
    demand(
      last === number,
      this.name,
      () => `${client.name} was told that it holds ${lock} under ${number}, and ${last} was granted since`,
    );
  }

  /** Written under a fence: nobody was granted between. */
  answered(call: Call, { revision, wrote }: Answer): void {
    const { action } = call;
    if (action.type !== 'guarded' || !wrote || revision === null) return;
    const grants = this.#grants.get(action.lock) ?? [];
    const own = grants.findIndex(({ fence }) => fence === action.fence);
    const next = grants[own + 1];
    demand(
      own !== -1 && action.fence < revision && (next === undefined || revision < next.fence),
      this.name,
      () => `${describe(call)} wrote at ${revision} under ${action.fence}, and ${next?.fence} was granted before`,
    );
  }

  leaderSeen(record: LeaderRecord, leader: { readonly fence: number; readonly session: number | null } | null): void {
    if (leader === null) return;
    this.observed++;
    const { fence, session } = leader;
    const grant = this.#grants.get(record.lock)?.find((one) => one.fence === fence);
    demand(
      grant !== undefined && grant.session === session && fence >= record.fence,
      this.name,
      () =>
        `${record.name} was shown that session ${session} leads ${record.lock} under ${fence}, behind ${record.fence}`,
    );
  }
}
