import type { Candidate, Held, HoldOptions, Leadership, Lock, SingleLock } from '@conclave/client';
import type { LockRequestId } from '@conclave/protocol';
import type { Random } from '../random.ts';
import { type Calls, expectedError } from './calls.ts';
import type { ClientProcess } from './client-process.ts';
import type { Claim, MemberObserver } from './observer.ts';
import type { ClientSettings } from './settings.ts';
import { drawWish, exclusiveWish, patientLock, type Wish } from './wishes.ts';

interface World {
  readonly settings: ClientSettings;
  readonly random: Random;
  readonly calls: Calls;
  readonly observers: readonly MemberObserver[];
}

/** What one application holds, and how it came by it. */
interface Holding {
  readonly held: Lock | SingleLock | Leadership;
  readonly options: HoldOptions;
  readonly id: LockRequestId;
}

/** Keys that are written only under guards. */
const guardedKeys = 3;
/** So many an application holds at a time, the last while it keeps the others. */
const maxNesting = 3;
const patientShare = 0.12;
const lockDelaysMs = [0, 0, 300];

/** Applications that hold locks, permits and leadership for a while, do what one does meanwhile, and give them back, or something older by mistake. */
export class Holders {
  readonly counts: Record<
    | 'wishes'
    | 'holds'
    | 'denied'
    | 'cancels'
    | 'guarded'
    | 'nested'
    | 'deadlocks'
    | 'handOvers'
    | 'stale'
    | 'upgrades'
    | 'upgraded'
    | 'downgraded',
    number
  > = {
    wishes: 0,
    holds: 0,
    denied: 0,
    cancels: 0,
    guarded: 0,
    nested: 0,
    deadlocks: 0,
    handOvers: 0,
    stale: 0,
    upgrades: 0,
    upgraded: 0,
    downgraded: 0,
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
    client.wishes++;
    try {
      if (client.identity === 'session' && random.chance(patientShare)) await this.#holdPatiently(client);
      else await this.#fulfil(client, drawWish(random, settings, this.counts.wishes), null, []);
    } finally {
      client.wishes--;
    }
  }

  /** Under the client's own session, by which it can also do what the SDK would not: give back what is long given back. */
  async #holdPatiently(client: ClientProcess): Promise<void> {
    const old = await this.#fulfil(client, exclusiveWish(patientLock, false), {}, []);
    if (old === null || this.#isStopped || !this.#world.random.chance(0.7)) return;
    await this.#fulfil(client, exclusiveWish(patientLock, this.#world.random.chance(0.5)), {}, [], old);
  }

  /** What was held; null if it was not. `old`: a hold that was given back, given back again meanwhile. */
  async #fulfil(
    client: ClientProcess,
    wish: Wish,
    wanted: HoldOptions | null,
    kept: readonly Holding[],
    old: Holding | null = null,
  ): Promise<Holding | null> {
    this.counts.wishes++;
    try {
      const options = wanted ?? (await this.#options(client));
      const held = await wish.obtain(await client.client(), options);
      if (held !== null) return await this.#keep(client, held, options, kept, old);
    } catch (error) {
      const also = kept.length > 0 ? (['DEADLOCK'] as const) : [];
      if (expectedError(error, `${client.name}, a holder,`, also).code === 'DEADLOCK') this.counts.deadlocks++;
    }
    this.counts.denied++;
    return null;
  }

  async #options(client: ClientProcess): Promise<HoldOptions> {
    const { random } = this.#world;
    const options = { lockDelayMs: random.pick(lockDelaysMs), ...this.#impatience(client) };
    return random.chance(0.5) ? { ...options, session: await client.session() } : { ...options, ttlMs: client.ttlMs };
  }

  #impatience(client: ClientProcess): HoldOptions {
    const { random, settings } = this.#world;
    const timeout = random.chance(0.1) ? { timeoutMs: random.between(0, 2 * settings.maxHoldMs) } : {};
    if (!random.chance(settings.cancelShare)) return timeout;
    const controller = new AbortController();
    client.process.after(random.between(0, settings.maxHoldMs), () => {
      this.counts.cancels++;
      controller.abort();
    });
    return { ...timeout, signal: controller.signal };
  }

  async #keep(
    client: ClientProcess,
    held: Lock | SingleLock | Leadership,
    options: HoldOptions,
    kept: readonly Holding[],
    old: Holding | null,
  ): Promise<Holding> {
    const { random, settings } = this.#world;
    this.counts.holds++;
    // It throws what the application catches when it is lost already.
    const id = held.guard().holder;
    const holding = { held, options, id };
    const claim: Claim = { client, ...id, signal: held.signal, remainingMs: () => held.remainingMs() };
    client.claim(claim);
    for (const observer of this.#world.observers) observer.held?.(claim);
    await this.#whileHolding(client);
    // Under another session its sequence is that of something else, which a cancel would rightly end.
    if (old !== null && old.id.session === id.session) await this.#giveBackOld(client, old, held);
    const doing = random.next();
    if (doing < 0.25) await this.#writeGuarded(client, holding);
    else if (doing < 0.5 && 'proclaim' in held) await this.#proclaim(client, held);
    else if (doing < 0.5 + settings.nestedShare && kept.length + 1 < maxNesting && !this.#isStopped)
      await this.#wantMore(client, [...kept, holding]);
    else if ('upgrade' in held && random.chance(settings.convertShare)) await this.#changeMode(client, held, kept);
    await this.#whileHolding(client);
    await this.#end(client, holding);
    return holding;
  }

  /** Half of the time for which it holds. */
  async #whileHolding({ process }: ClientProcess): Promise<void> {
    const { random, settings } = this.#world;
    if (!this.#isStopped) await process.sleep(random.between(0, settings.maxHoldMs / 2));
  }

  /** While it keeps what it has: if others do the same, they wait for each other in a circle, and the cluster must see it. */
  async #wantMore(client: ClientProcess, kept: readonly Holding[]): Promise<void> {
    const { random, settings } = this.#world;
    const [first] = kept;
    if (first === undefined) return;
    const wish = drawWish(random, settings, this.counts.wishes);
    const { session, ttlMs } = first.options;
    const owner = session === undefined ? { ...(ttlMs !== undefined && { ttlMs }) } : { session };
    const timeout = wish.isCertain ? {} : { timeoutMs: random.between(0, settings.maxHoldMs) };
    const keeping: Held[] = [];
    for (const { held } of kept) if (!held.signal.aborted) keeping.push(held);
    this.counts.nested++;
    await this.#fulfil(client, wish, { ...owner, ...timeout, keeping }, kept);
  }

  /** And perhaps back, or once more. Refused, or given up, it goes on with what it has. */
  async #changeMode(client: ClientProcess, lock: SingleLock, kept: readonly Holding[]): Promise<void> {
    const { random, settings } = this.#world;
    const keeping: Held[] = [];
    for (const { held } of kept) if (!held.signal.aborted) keeping.push(held);
    const impatience = random.chance(0.5) ? { timeoutMs: random.between(0, settings.maxHoldMs) } : {};
    try {
      for (let changes = random.integer(1, 4); changes > 0 && !this.#isStopped; changes--) {
        if (isAlone(lock)) {
          await lock.downgrade();
          this.counts.downgraded++;
        } else {
          this.counts.upgrades++;
          if (random.chance(0.2)) await lock.tryUpgrade();
          else await lock.upgrade({ ...impatience, keeping });
          if (isAlone(lock)) this.counts.upgraded++;
        }
        await this.#whileHolding(client);
      }
    } catch (error) {
      // Before all members know of it, the cluster says so.
      const also = ['DEADLOCK', 'UNSUPPORTED_VERSION'] as const;
      if (expectedError(error, `${client.name}, who changes a mode,`, also).code === 'DEADLOCK')
        this.counts.deadlocks++;
    }
  }

  async #end(client: ClientProcess, { held, options }: Holding): Promise<void> {
    const { random } = this.#world;
    const { session } = options;
    if (session !== undefined && random.chance(0.05)) return session.close();
    if ('handOver' in held && random.chance(0.3) && (await this.#handOver(client, held))) return;
    const forever = { timeoutMs: Number.MAX_SAFE_INTEGER };
    if ('resign' in held) await held.resign(forever);
    else await held.release(forever);
    // A second time it does nothing.
    if (random.chance(0.1)) await held[Symbol.asyncDispose]();
  }

  /** False: nobody stood for it any more when it asked, or it has lost it itself. */
  async #handOver(client: ClientProcess, leadership: Leadership): Promise<boolean> {
    const { random } = this.#world;
    try {
      const sdk = await client.client();
      const candidates: readonly Candidate[] = await sdk.election(leadership.name).candidates();
      if (candidates.length === 0) return false;
      this.counts.handOvers++;
      await leadership.handOver(random.pick(candidates));
      return true;
    } catch (error) {
      expectedError(error, `${client.name}, who hands over,`, ['NOT_FOUND']);
      return false;
    }
  }

  async #giveBackOld(client: ClientProcess, { held, id: { sequence } }: Holding, present: Held): Promise<void> {
    const { calls, random } = this.#world;
    this.counts.stale++;
    const releases = random.chance(0.7);
    await calls.make(client, { action: { type: 'giveBackOld' }, value: null }, async (sdk, options) => {
      // That of the present hold is the client's own session, as long as it lives.
      const operation =
        releases || present.signal.aborted
          ? ({ type: 'lockRelease', sequence, fence: held.fence, heir: null } as const)
          : ({ type: 'lockCancel', sequence } as const);
      await sdk.perform(operation, options);
      return { revision: null, wrote: false, items: null };
    });
  }

  async #writeGuarded(client: ClientProcess, { held, id }: Holding): Promise<void> {
    const { calls, random } = this.#world;
    const key = `g${random.integer(0, guardedKeys)}`;
    const value = calls.nextValue;
    await calls.make(client, { action: { type: 'guarded', key, ...id }, value }, async (sdk, options) => {
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
}

function isAlone({ mode }: SingleLock): boolean {
  return mode === 'exclusive';
}
