import { demand } from '../../violation.ts';
import { describeRequest, type LockEntry, type LockHistory } from '../lock-history.ts';
import type { MemberObserver } from '../observer.ts';
import type { AppliedEntry } from '../oracle.ts';

/** Nothing is granted to a session that has ended, or done for it. */
export class LivingSessions implements MemberObserver {
  readonly name = 'the dead hold nothing';
  readonly #history: LockHistory;

  constructor(history: LockHistory) {
    this.#history = history;
  }

  locked({ entry, steps }: LockEntry): void {
    for (const { request, type } of steps) {
      if (type !== 'granted') continue;
      const isAlive = this.#history.sessions.get(request.session)?.alive === true;
      demand(isAlive, this.name, () => `${describeRequest(request)} was granted at ${entry.index}, and has ended`);
    }
  }

  applied({ applied: { response }, command, entry }: AppliedEntry): void {
    const identity = command?.header.identity;
    if (identity?.by !== 'session' || response === null || response.type === 'error') return;
    // By its own close it ends in the entry itself.
    if (command?.operation.type === 'sessionClose' || command?.operation.type === 'leaseRevoke') return;
    const isAlive = this.#history.sessions.get(identity.session)?.alive === true;
    demand(isAlive, this.name, () => `${command?.operation.type} of session ${identity.session} at ${entry.index}`);
  }
}
