import type { Client, HoldOptions, Leadership, Lock, LockChoice, LockMode, SingleLock } from '@conclave/client';
import type { Random } from '../random.ts';
import type { ClientSettings, WishKind } from './settings.ts';

/** What an application wants to hold. */
export interface Wish {
  readonly kind: WishKind;
  /** Where it waits, perhaps for ever, for something else that others may hold meanwhile: a cycle of such wishes is found by the cluster. */
  readonly isCertain: boolean;
  /** Null: it is held by others, and the caller did not want to wait. */
  obtain(sdk: Client, options: HoldOptions): Promise<Lock | SingleLock | Leadership | null>;
}

/** Held only under the client's own session of the default ttl, so that nobody else waits so long for the dead. */
export const patientLock = 'p0';
const sharedShare = 0.5;
const tryShare = 0.2;

/** One of the kinds that the seed has, of few names that all fight for. */
export function drawWish(random: Random, { locks, permits, wishKinds }: ClientSettings, nth: number): Wish {
  const kind = random.pick(wishKinds);
  const name = `l${random.integer(0, locks)}`;
  const mode: LockMode = random.chance(sharedShare) ? 'shared' : 'exclusive';
  const tries = random.chance(tryShare);
  switch (kind) {
    case 'lock':
      return exclusiveWish(name, tries);
    case 'shared':
      return {
        kind,
        isCertain: true,
        obtain: async (sdk, options) =>
          tries ? sdk.tryLock(name, { ...options, mode }) : sdk.lock(name, { ...options, mode }),
      };
    case 'several': {
      const choices = Array.from(
        { length: locks },
        (_, at): LockChoice => ({
          name: `l${at}`,
          mode: random.chance(sharedShare) ? 'shared' : 'exclusive',
        }),
      );
      return { kind, isCertain: true, obtain: async (sdk, options) => sdk.lockAll(random.shuffle(choices), options) };
    }
    case 'permits': {
      const count = random.integer(1, permits + 1);
      return {
        kind,
        // Any of several who hold permits may give them back, so the cluster does not call it a cycle.
        isCertain: false,
        obtain: async (sdk, options) => {
          const semaphore = sdk.semaphore(name, { permits });
          return tries ? semaphore.tryAcquire({ ...options, count }) : semaphore.acquire({ ...options, count });
        },
      };
    }
    case 'election':
      return {
        kind,
        isCertain: true,
        obtain: async (sdk, options) => sdk.election(name).campaign(`leader ${nth}`, options),
      };
  }
}

export function exclusiveWish(name: string, tries: boolean): Wish {
  return {
    kind: 'lock',
    isCertain: true,
    obtain: async (sdk, options) => (tries ? sdk.tryLock(name, options) : sdk.lock(name, options)),
  };
}
