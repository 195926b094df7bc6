import { demand } from '../../violation.ts';
import { describeRequest, type LockEntry, type LockHistory, type LockStep } from '../lock-history.ts';
import type { MemberObserver } from '../observer.ts';
import type { AppliedEntry } from '../oracle.ts';

/**
 * What was taken back, refused or released is never granted; a release ends the hold that it names, and nothing newer; and whoever is told that it ended
 * holds nothing any more.
 */
export class GivenBack implements MemberObserver {
  readonly name = 'given back is given back';
  readonly #history: LockHistory;
  /** Requests that were taken back, those among them that had not come yet. */
  readonly #takenBack = new Set<string>();

  constructor(history: LockHistory) {
    this.#history = history;
  }

  locked({ command, entry, steps }: LockEntry): void {
    for (const step of steps) {
      const { request, type } = step;
      if (type === 'granted') {
        const isNew =
          request.state === 'held' &&
          !this.#takenBack.has(`${request.session}/${request.sequence}`) &&
          request.claims.every(({ lock }) => lock.holders.has(request));
        demand(isNew, this.name, () => `${describeRequest(request)} was granted at ${entry.index}`);
      } else if (type === 'released' || type === 'cancelled') {
        demand(
          isNamed(step, command),
          this.name,
          () => `${describeRequest(request)} was ${type} at ${entry.index} by ${command?.operation.type}`,
        );
      }
    }
  }

  applied({ applied: { repeated, response }, command, entry }: AppliedEntry): void {
    if (command === null || repeated || response === null) return;
    const { identity } = command.header;
    const { operation } = command;
    if (identity.by !== 'session') return;
    const isBack = (response.type === 'lockRelease' && response.outcome !== 'kept') || response.type === 'lockCancel';
    if (!isBack || (operation.type !== 'lockRelease' && operation.type !== 'lockCancel')) return;
    if (response.type === 'lockCancel') this.#takenBack.add(`${identity.session}/${operation.sequence}`);
    const request = this.#history.request(identity.session, operation.sequence);
    if (request === null) return;
    const isOther = operation.type === 'lockRelease' && request.fence !== operation.fence;
    const isGone = request.state === 'over' || request.state === 'delayed' || isOther;
    demand(isGone, this.name, () => `${describeRequest(request)} outlived ${operation.type} at ${entry.index}`);
  }
}

/** By its own session, and by the fence if it is released. */
function isNamed({ request }: LockStep, command: AppliedEntry['command']): boolean {
  if (command === null || command.header.identity.by !== 'session') return false;
  const { operation } = command;
  if (command.header.identity.session !== request.session) return false;
  if (operation.type === 'lockRelease')
    return operation.sequence === request.sequence && operation.fence === request.fence;
  return operation.type === 'lockCancel' && operation.sequence === request.sequence;
}
