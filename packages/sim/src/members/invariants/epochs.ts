import { demand } from '../../violation.ts';
import type { LockHistory } from '../lock-history.ts';
import type { MemberObserver } from '../observer.ts';
import type { AppliedEntry } from '../oracle.ts';

/** What comes over a connection that its session has left has no effect any more, wherever it was proposed. */
export class Epochs implements MemberObserver {
  readonly name = 'the newest connection has the session';
  readonly #history: LockHistory;
  /** That came too late, and had none. */
  fenced = 0;

  constructor(history: LockHistory) {
    this.#history = history;
  }

  applied({ applied: { repeated, response }, command, entry }: AppliedEntry): void {
    const identity = command?.header.identity;
    if (identity?.by !== 'session' || repeated) return;
    const epoch = this.#history.sessions.get(identity.session)?.epoch ?? 0;
    if (identity.epoch >= epoch) return;
    this.fenced++;
    demand(
      response?.type === 'error',
      this.name,
      () =>
        `${command?.operation.type} ${identity.session}:${identity.sequence} of epoch ${identity.epoch} took effect at ${entry.index}, and its session was at ${epoch}`,
    );
  }
}
