import { demand } from '../../violation.ts';
import {
  describeRequest,
  hasRoom,
  type LockEntry,
  type LoggedClaim,
  type LoggedLock,
  type LoggedRequest,
} from '../lock-history.ts';
import type { MemberObserver } from '../observer.ts';

/**
 * Whoever shares a lock and waits to have it alone is before everybody in the queue, and has it as soon as nobody else does. Else first come, first served, by log index: nobody is granted past one who waits for the same lock, unless it is handed to him; nobody waits who is next
 * and has room, and nobody is turned away who was. So readers that stand together hold together, and no writer starves.
 */
export class Turns implements MemberObserver {
  readonly name = 'first come, first served';

  locked({ command, entry, steps, touched }: LockEntry): void {
    const operation = command?.operation;
    const heir = operation?.type === 'lockRelease' ? operation.heir : null;
    for (const { request, type } of steps) {
      const isHeir = heir?.session === request.session && heir.sequence === request.sequence;
      if (type === 'granted' && !isHeir) this.#nobodyBefore(request, entry.index);
      if (type === 'granted') this.#nobodyUpgrades(request, entry.index);
      if (type !== 'refused') continue;
      const isTurn = request.claims.every((claim) => isFree(claim.lock.queue.size === 0, claim));
      demand(!isTurn, this.name, () => `${describeRequest(request)} was refused at ${entry.index}`);
    }
    for (const lock of touched) this.#nextHasNoRoom(lock, entry.index);
  }

  #nobodyBefore(request: LoggedRequest, index: number): void {
    for (const { lock } of request.claims) {
      for (const waiting of lock.queue) {
        demand(
          waiting.order > request.order,
          this.name,
          () => `${describeRequest(request)} was granted at ${index} before ${describeRequest(waiting)}`,
        );
      }
    }
  }

  #nobodyUpgrades(request: LoggedRequest, index: number): void {
    for (const { lock } of request.claims) {
      const [before] = lock.upgrading;
      if (before === undefined) continue;
      demand(
        false,
        this.name,
        () => `${describeRequest(request)} was granted at ${index} before ${describeRequest(before)}`,
      );
    }
  }

  #nextHasNoRoom({ holders, queue, upgrading }: LoggedLock, index: number): void {
    const [upgrade] = upgrading;
    if (upgrade !== undefined) {
      demand(holders.size > 1, this.name, () => `${describeRequest(upgrade)} is alone, and waits to be at ${index}`);
    }
    const [next] = queue;
    if (next === undefined) return;
    const isNext = next.claims.every((claim) => isFree(first(claim.lock.queue) === next, claim));
    demand(!isNext, this.name, () => `${describeRequest(next)} is next, has room, and waits at ${index}`);
  }
}

/** For one whose turn it is. */
function isFree(isTurn: boolean, claim: LoggedClaim): boolean {
  return isTurn && claim.lock.upgrading.size === 0 && hasRoom(claim);
}

function first(queue: ReadonlySet<LoggedRequest>): LoggedRequest | undefined {
  const [request] = queue;
  return request;
}
