import type { Client, Leadership, Lock, LockOptions } from '@conclave/client';
import type { LockName } from '@conclave/protocol';
import type { Random } from '../random.ts';
import type { Calls } from './calls.ts';
import { expectedError } from './calls.ts';
import type { ClientProcess } from './client-process.ts';
import type { Holds } from './invariants/holds.ts';
import type { Claim, MemberObserver } from './observer.ts';
import type { ClientSettings } from './settings.ts';

interface World {
  readonly settings: ClientSettings;
  readonly random: Random;
  readonly calls: Calls;
  readonly holds: Holds;
  readonly observers: readonly MemberObserver[];
}

interface Wish {
  readonly kind: LockName['kind'];
  readonly name: string;
  readonly options: LockOptions;
}

/** Keys that are written only under guards. */
const guardedKeys = 3;

/** Applications that hold locks and lead, for a while, and do what one does meanwhile; and operators who take it away from them. */
export class Holders {
  readonly counts: { wishes: number; holds: number; denied: number; cancels: number; guarded: number; breaks: number } =
    {
      wishes: 0,
      holds: 0,
      denied: 0,
      cancels: 0,
      guarded: 0,
      breaks: 0,
    };
  readonly #world: World;
  #isStopped = false;

  constructor(world: World) {
    this.#world = world;
  }

  /** Whoever holds gives it back soon, so that those who wait get their turn. */
  stop(): void {
    this.#isStopped = true;
  }

  async hold(client: ClientProcess): Promise<void> {
    const { random, settings } = this.#world;
    this.counts.wishes++;
    client.wishes++;
    try {
      const kind = random.pick(['lock', 'election'] as const);
      const name = `l${random.integer(0, settings.locks)}`;
      const wish = { kind, name, options: await this.#options(client) };
      const held = await this.#obtain(client, wish);
      if (held === null) this.counts.denied++;
      else await this.#keep(client, wish, held);
    } catch (error) {
      expectedError(error, `${client.name}, a holder,`);
      this.counts.denied++;
    } finally {
      client.wishes--;
    }
  }

  async #options(client: ClientProcess): Promise<LockOptions> {
    const { random, settings } = this.#world;
    const lockDelayMs = random.pick([0, 0, 300]);
    const timeout = random.chance(0.1) ? { timeoutMs: random.between(0, 2 * settings.maxHoldMs) } : {};
    const options = { lockDelayMs, ...timeout, ...(random.chance(0.15) ? this.#cancelLater(client) : {}) };
    const under = random.next();
    if (under < 0.5) return { ...options, session: await client.session() };
    return under < 0.97 ? { ...options, ttlMs: client.ttlMs } : options;
  }

  #cancelLater(client: ClientProcess): { readonly signal: AbortSignal } {
    const { random, settings } = this.#world;
    const controller = new AbortController();
    client.process.after(random.between(0, settings.maxHoldMs), () => {
      this.counts.cancels++;
      controller.abort();
    });
    return { signal: controller.signal };
  }

  async #obtain(client: ClientProcess, { kind, name, options }: Wish): Promise<Lock | Leadership | null> {
    const sdk: Client = await client.client();
    if (kind === 'election') return sdk.election(name).campaign(`leader ${this.counts.wishes}`, options);
    return this.#world.random.chance(0.8) ? sdk.lock(name, options) : sdk.tryLock(name, options);
  }

  async #keep(client: ClientProcess, { kind, name, options }: Wish, held: Lock | Leadership): Promise<void> {
    const { observers, random } = this.#world;
    const { fence, signal } = held;
    const lock = `${kind}/${name}`;
    this.counts.holds++;
    const claim: Claim = { client, lock, number: fence, signal, remainingMs: () => held.remainingMs() };
    client.claim(claim);
    for (const observer of observers) observer.held?.(claim);
    await this.#whileHolding(client);
    const doing = random.next();
    if (doing < 0.3) await this.#writeGuarded(client, lock, held);
    else if (doing < 0.6 && 'proclaim' in held) await this.#proclaim(client, held);
    await this.#whileHolding(client);
    if (options.session !== undefined && random.chance(0.05)) await options.session.close();
    else await letGo(held);
  }

  /** Half of the time for which it holds. */
  async #whileHolding({ process }: ClientProcess): Promise<void> {
    const { random, settings } = this.#world;
    if (!this.#isStopped) await process.sleep(random.between(0, settings.maxHoldMs / 2));
  }

  async #writeGuarded(client: ClientProcess, lock: string, held: Lock | Leadership): Promise<void> {
    const { calls, random } = this.#world;
    const key = `g${random.integer(0, guardedKeys)}`;
    const value = calls.nextValue;
    const action = { type: 'guarded', key, lock, fence: held.fence } as const;
    await calls.make(client, { action, value }, async (sdk, options) => {
      const { ok, revision } = await sdk.txn({ if: [held.guard()], then: [{ put: key, value }] }, options);
      this.counts.guarded++;
      return { revision, wrote: ok, items: null };
    });
  }

  async #proclaim(client: ClientProcess, leadership: Leadership): Promise<void> {
    const value = this.#world.calls.nextValue;
    await this.#world.calls.make(client, { action: { type: 'proclaim' }, value }, async (_sdk, options) => {
      await leadership.proclaim(value, options);
      return { revision: null, wrote: true, items: null };
    });
  }

  /** By an operator, who thinks that he knows the holder. */
  async breakOne(client: ClientProcess): Promise<void> {
    const { calls, holds, random, settings } = this.#world;
    const kind = random.pick(['lock', 'election'] as const);
    const name = `l${random.integer(0, settings.locks)}`;
    const fence = holds.fenceOf(`${kind}/${name}`);
    if (fence === null) return;
    this.counts.breaks++;
    const operation = {
      type: 'lockBreak',
      holder: null,
      name: { kind, name: Buffer.from(name) },
      fence,
      now: random.chance(0.3),
    } as const;
    await calls.make(client, { action: { type: 'break' }, value: null }, async (sdk, options) => {
      await sdk.perform(operation, options);
      return { revision: null, wrote: false, items: null };
    });
  }
}

async function letGo(held: Lock | Leadership): Promise<void> {
  const forever = { timeoutMs: Number.MAX_SAFE_INTEGER };
  if ('resign' in held) await held.resign(forever);
  else await held.release(forever);
}
