import type { Client } from '@conclave/client';
import { breakLock, inspectLock, revokeLease } from '@conclave/client/admin';
import type { LockKind } from '@conclave/protocol';
import type { Random } from '../random.ts';
import type { Calls } from './calls.ts';
import type { ClientProcess } from './client-process.ts';
import { shownText } from './invariants/shown.ts';
import type { LockHistory, LoggedRequest } from './lock-history.ts';

interface World {
  readonly clients: readonly ClientProcess[];
  readonly random: Random;
  readonly calls: Calls;
  readonly history: LockHistory;
}

const nowShare = 0.3;

/** People who look at locks, break holds that they think they know, and end the sessions of others. */
export class Overseer {
  readonly counts: Record<'breaks' | 'revokes' | 'inspections', number> = { breaks: 0, revokes: 0, inspections: 0 };
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  async act(client: ClientProcess): Promise<void> {
    const roll = this.#world.random.next();
    if (roll < 0.5) await this.#breakOne(client);
    else if (roll < 0.6) await this.#revoke(client);
    else await this.inspect(client);
  }

  /** Rather of one that does not answer: that is why people break it. */
  #someHold(): LoggedRequest | null {
    const { clients, history, random } = this.#world;
    const holds = [...history.locks.values()].flatMap(({ holders }) => [...holders]);
    const silent = clients.filter(({ hasConnection, isReady }) => !isReady || !hasConnection);
    const theirs = new Set(silent.flatMap((client) => [...client.sessionsClaimed()]));
    const stuck = holds.filter(({ session, state }) => state === 'held' && theirs.has(session));
    if (stuck.length > 0 && random.chance(0.7)) return random.pick(stuck);
    return holds.length === 0 ? null : random.pick(holds);
  }

  async #breakOne(client: ClientProcess): Promise<void> {
    const { calls, random } = this.#world;
    const hold = this.#someHold();
    const [claim] = hold?.claims ?? [];
    if (hold === null || claim === undefined) return;
    this.counts.breaks++;
    const [kind, name] = claim.lock.name.split('/') as [LockKind, string];
    const { fence, sequence, session } = hold;
    const now = random.chance(nowShare);
    const holder = random.chance(0.5) ? { holder: { session, sequence } } : {};
    await calls.make(client, { action: { type: 'break' }, value: null }, async (sdk, options) => {
      await breakLock(sdk, name, { ...options, ...holder, kind, fence, now });
      return { revision: null, wrote: false, items: null };
    });
  }

  async #revoke(client: ClientProcess): Promise<void> {
    const hold = this.#someHold();
    if (hold === null) return;
    this.counts.revokes++;
    await this.#world.calls.make(client, { action: { type: 'revoke' }, value: null }, async (sdk, options) => {
      await revokeLease(sdk, hold.session, options);
      return { revision: null, wrote: false, items: null };
    });
  }

  async inspect(client: ClientProcess): Promise<void> {
    const { calls, history, random } = this.#world;
    const names = [...history.locks.keys()];
    if (names.length === 0) return;
    this.counts.inspections++;
    const lock = random.pick(names);
    await calls.make(client, { action: { type: 'inspect', lock }, value: null }, async (sdk, options) => {
      const shown = await textOf(sdk, lock, options);
      return { revision: null, wrote: false, items: null, shown };
    });
  }
}

async function textOf(sdk: Client, lock: string, options: object): Promise<string> {
  const [kind, name] = lock.split('/') as [LockKind, string];
  const { holders, queue } = await inspectLock(sdk, name, { ...options, kind });
  return shownText(
    holders.map(({ delayMs, ...holder }) => ({ ...holder, isDelayed: delayMs !== null })),
    queue,
  );
}
