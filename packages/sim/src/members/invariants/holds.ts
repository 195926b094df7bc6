import { demand } from '../../violation.ts';
import type { ClientProcess } from '../client-process.ts';
import { describeRequest, type LockEntry, type LockHistory, type LoggedRequest, sharesWith } from '../lock-history.ts';
import type { Claim, MemberObserver } from '../observer.ts';

/**
 * Nobody is granted a lock while another application would still act on a hold that excludes it: one that runs until its signal aborts, one that stands
 * still until its clock would tell it so. And nobody is told that it holds what another one has.
 */
export class Holds implements MemberObserver {
  readonly name = 'one holder at a time';
  readonly #clients: readonly ClientProcess[];
  readonly #history: LockHistory;

  constructor(clients: readonly ClientProcess[], history: LockHistory) {
    this.#clients = clients;
    this.#history = history;
  }

  locked({ entry, steps }: LockEntry): void {
    for (const { request, type } of steps) {
      if (type === 'granted' || type === 'converted') this.#nobodyBelieves(request, entry.index);
      // What is waited out may be believed in meanwhile.
      if (type === 'lost' && request.state === 'over') this.#isNotBelieved(request, entry.index);
    }
  }

  #nobodyBelieves(granted: LoggedRequest, index: number): void {
    const believed = this.#believed();
    for (const other of believed) {
      if (other === granted) continue;
      demand(
        !excludes(granted, other, believed),
        this.name,
        () =>
          `${describeRequest(granted)} was granted at ${index}, and an application still claims what excludes it: ${describeRequest(other)}`,
      );
    }
  }

  /** Its session is over: its application has been told, or knows by its clock. */
  #isNotBelieved(lost: LoggedRequest, index: number): void {
    const isBelieved = this.#believed().has(lost);
    demand(!isBelieved, this.name, () => `${describeRequest(lost)} ended at ${index}, and its application claims it`);
  }

  #believed(): Set<LoggedRequest> {
    const requests = new Set<LoggedRequest>();
    for (const client of this.#clients) {
      for (const { sequence, session } of client.claims()) {
        const request = sequence === null ? null : this.#history.request(session, sequence);
        if (request !== null && !request.unprotected) requests.add(request);
      }
    }
    return requests;
  }

  held({ client, sequence, session, signal }: Claim): void {
    const request = sequence === null ? null : this.#history.request(session, sequence);
    if (signal.aborted || request === null || request.unprotected || request.state === 'held') return;
    for (const { lock } of request.claims) {
      for (const holder of lock.holders) {
        demand(
          holder.fence <= request.fence || holder.state !== 'held' || !excludes(request, holder, lock.holders),
          this.name,
          () =>
            `${client.name} was told of ${describeRequest(request)} and since was granted ${describeRequest(holder)}`,
        );
      }
    }
  }
}

/** Permits exclude nobody before there are too many of them. */
function excludes(granted: LoggedRequest, other: LoggedRequest, all: ReadonlySet<LoggedRequest>): boolean {
  return granted.claims.some((claim) =>
    other.claims.some((theirs) => {
      if (theirs.lock.name !== claim.lock.name) return false;
      if (!sharesWith(claim, theirs)) return true;
      if (claim.mode !== 'permits') return false;
      let taken = all.has(granted) ? 0 : claim.count;
      for (const request of all) {
        for (const { count, lock } of request.claims) if (lock.name === claim.lock.name) taken += count;
      }
      return taken > claim.lock.limit;
    }),
  );
}
