import { demand } from '../../violation.ts';
import { describe } from '../calls.ts';
import type { LockEntry, LoggedLock } from '../lock-history.ts';
import type { Answer, Call, MemberObserver } from '../observer.ts';

interface Version {
  /** Of the entry behind which it was so. */
  readonly index: number;
  readonly text: string;
}

/** As far back as a call may look: it lasts no longer. */
const maxVersions = 4_096;

/** Whoever asks who holds a lock, who waits for it, or who leads, is told what was true at some moment between question and answer. */
export class Shown implements MemberObserver {
  readonly name = 'what is shown is true';
  readonly #versions = new Map<string, Version[]>();
  readonly #index: () => number;
  judged = 0;

  constructor(index: () => number) {
    this.#index = index;
  }

  locked({ entry, touched }: LockEntry): void {
    for (const lock of touched) {
      const versions = this.#versions.get(lock.name) ?? [];
      this.#versions.set(lock.name, versions);
      versions.push({ index: entry.index, text: textOfLock(lock) });
      if (versions.length > 2 * maxVersions) versions.splice(0, maxVersions);
    }
  }

  answered(call: Call, { shown }: Answer): void {
    if (shown === undefined || call.action.type !== 'inspect') return;
    this.judged++;
    const versions = this.#versions.get(call.action.lock) ?? [];
    const last = versions.findLastIndex(({ index }) => index <= call.index);
    const wasTrue =
      last === -1 ? [nobody, ...versions.map(({ text }) => text)] : versions.slice(last).map(({ text }) => text);
    const { lock } = call.action;
    demand(
      wasTrue.includes(shown),
      this.name,
      () =>
        `${describe(call)} was shown ${lock}: ${shown}, from ${call.index} to ${this.#index()}, when it was ${wasTrue.join(' and then ')}`,
    );
  }
}

const nobody = shownText([], []);

/** Requests by session and sequence, those who hold by fence, those who wait in their order. */
export function textOfLock({ holders, queue, upgrading }: Pick<LoggedLock, 'holders' | 'queue' | 'upgrading'>): string {
  const held = [...holders].toSorted((a, b) => a.fence - b.fence || a.order - b.order);
  return shownText(
    held.map(({ fence, sequence, session, state }) => ({ fence, sequence, session, isDelayed: state === 'delayed' })),
    [...upgrading, ...queue],
  );
}

interface Named {
  readonly session: number;
  readonly sequence: number;
}

export function shownText(
  holders: readonly (Named & { readonly fence: number; readonly isDelayed: boolean })[],
  queue: readonly Named[],
): string {
  const held = holders.map(
    ({ fence, isDelayed, sequence, session }) => `${session}:${sequence}@${fence}${isDelayed ? ' delayed' : ''}`,
  );
  return `held by ${held.join()}; awaited by ${queue.map(({ sequence, session }) => `${session}:${sequence}`).join()}`;
}
