import type { Client, Entry } from '@conclave/client';
import { EntryKind } from '@conclave/core';
import type { Random } from '../random.ts';
import type { Scheduler } from '../scheduler.ts';
import type { Calls } from './calls.ts';
import type { ClientProcess } from './client-process.ts';
import type { Holders } from './holders.ts';
import type { LinearizableKeys } from './invariants/linearizable-keys.ts';
import type { Answer, Item, MemberObserver } from './observer.ts';
import type { AppliedEntry, Oracle } from './oracle.ts';
import type { Overseer } from './overseer.ts';
import type { ClientSettings } from './settings.ts';

const maxElectionPauseDelayMs = 150;

/** What one client may have under way, and what it may wait for or hold beside. */
const maxOutstanding = 8;
const maxWishes = 3;

interface World {
  readonly clients: readonly ClientProcess[];
  readonly settings: ClientSettings;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly oracle: Oracle;
  readonly keys: LinearizableKeys;
  readonly calls: Calls;
  readonly holders: Holders;
  readonly overseer: Overseer;
  /** Its process dies, and another one comes in its place. */
  readonly replace: (client: ClientProcess) => void;
}

/** What the applications do: writes of values never repeated, compare-and-set, deletions, reads of both kinds, locks, elections; and how they suffer. */
export class Workload implements MemberObserver {
  readonly name = 'workload';
  readonly counts: { clientPauses: number; clientDeaths: number; compactions: number } = {
    clientPauses: 0,
    clientDeaths: 0,
    compactions: 0,
  };
  readonly #world: World;
  #isStopped = false;

  constructor(world: World) {
    this.#world = world;
  }

  /** This client works from now on. */
  begin(client: ClientProcess): void {
    const { settings } = this.#world;
    this.#operate(client);
    this.#sometimes(client, settings.pauseEveryMs, () => {
      this.counts.clientPauses++;
      client.pause(this.#world.random.between(0, settings.maxPauseMs));
    });
    this.#sometimes(client, settings.deathEveryMs, () => {
      this.counts.clientDeaths++;
      this.#world.replace(client);
    });
  }

  stop(): void {
    this.#isStopped = true;
    this.#world.holders.stop();
  }

  applied({ entry }: AppliedEntry): void {
    if (entry.kind !== EntryKind.Noop || this.#isStopped) return;
    const { clients, random, scheduler, settings } = this.#world;
    for (const client of clients) {
      if (!random.chance(settings.pauseAtElection)) continue;
      const pauseMs = random.between(0.5, 1.5) * client.ttlMs;
      scheduler.after(random.exponential(maxElectionPauseDelayMs), () => {
        if (!this.#isStopped) client.pause(pauseMs);
      });
    }
  }

  /** Until it has written once and read once, however long it takes. */
  async prove(client: ClientProcess): Promise<void> {
    const patient = {};
    let written: Answer | null = null;
    while (written === null) written = await this.#put(client, patient);
    let read: Answer | null = null;
    while (read === null) read = await this.#get(client, 'linearizable', patient);
  }

  #sometimes(client: ClientProcess, everyMs: number, act: () => void): void {
    const { random, scheduler } = this.#world;
    if (everyMs === Number.POSITIVE_INFINITY) return;
    scheduler.after(random.exponential(everyMs), () => {
      if (this.#isStopped || !client.process.isAlive) return;
      act();
      this.#sometimes(client, everyMs, act);
    });
  }

  #operate(client: ClientProcess): void {
    const { count, operationsPerSecond } = this.#world.settings;
    const { process } = client;
    process.after(this.#world.random.exponential((1_000 * count) / operationsPerSecond), () => {
      if (this.#isStopped) return;
      if (client.pending < maxOutstanding) process.spawn(async () => this.#act(client));
      this.#operate(client);
    });
  }

  async #act(client: ClientProcess): Promise<unknown> {
    const { compactShare, overseerShare, wishShare } = this.#world.settings;
    const { holders, overseer, random } = this.#world;
    let roll = random.next();
    const isNext = (share: number): boolean => {
      roll -= share;
      return roll < 0;
    };
    if (isNext(compactShare)) return this.#compact(client);
    if (isNext(overseerShare)) return overseer.act(client);
    if (isNext(wishShare)) return client.wishes < maxWishes ? holders.hold(client) : this.#put(client);
    return this.#actOnKeys(client);
  }

  async #actOnKeys(client: ClientProcess): Promise<unknown> {
    const roll = this.#world.random.next();
    if (roll < 0.4) return this.#put(client);
    if (roll < 0.57) return this.#swap(client);
    if (roll < 0.63) return this.#delete(client);
    if (roll < 0.8) return this.#get(client, 'linearizable');
    if (roll < 0.86) return this.#list(client, 'linearizable');
    if (roll < 0.96) return this.#get(client, 'local');
    return this.#list(client, 'local');
  }

  #key(): string {
    return `k${this.#world.random.integer(0, this.#world.settings.keys)}`;
  }

  #value(): string {
    const { calls, random, settings } = this.#world;
    return `${calls.nextValue}.${'x'.repeat(random.integer(0, settings.maxValueBytes))}`;
  }

  async #put(client: ClientProcess, options?: object): Promise<Answer | null> {
    const key = this.#key();
    const value = this.#value();
    const ask = async (sdk: Client, given: object): Promise<Answer> => {
      const { revision } = await sdk.put(key, value, given);
      return { revision, wrote: true, items: null };
    };
    return this.#world.calls.make(client, { action: { type: 'put', key }, value }, ask, options);
  }

  async #swap(client: ClientProcess): Promise<Answer | null> {
    const { calls, keys, random } = this.#world;
    const key = this.#key();
    const value = this.#value();
    const ifRevision = keys.revisionOf(key, random.chance(0.7));
    return calls.make(client, { action: { type: 'swap', key, ifRevision }, value }, async (sdk, options) => {
      const done = await sdk.put(key, value, { ...options, ifRevision });
      return { revision: done.revision, wrote: done.ok, items: done.ok ? null : itemsOf([done.current]) };
    });
  }

  async #delete(client: ClientProcess): Promise<Answer | null> {
    const key = this.#key();
    return this.#world.calls.make(client, { action: { type: 'delete', key }, value: null }, async (sdk, options) => {
      const { deleted, revision } = await sdk.delete(key, options);
      return { revision, wrote: deleted > 0, items: deleted > 0 ? null : [] };
    });
  }

  async #get(client: ClientProcess, consistency: 'linearizable' | 'local', options?: object): Promise<Answer | null> {
    const key = this.#key();
    const ask = async (sdk: Client, given: object): Promise<Answer> => {
      const { entry, revision } = await sdk.read(key, { ...given, consistency });
      return { revision, wrote: false, items: itemsOf([entry]) };
    };
    return this.#world.calls.make(client, { action: { type: 'get', key }, consistency, value: null }, ask, options);
  }

  async #list(client: ClientProcess, consistency: 'linearizable' | 'local'): Promise<Answer | null> {
    const wanted = { action: { type: 'list', prefix: 'k' }, consistency, value: null } as const;
    return this.#world.calls.make(client, wanted, async (sdk, options) => {
      const { entries, revision } = await sdk.list({ prefix: 'k' }, { ...options, consistency });
      return { revision, wrote: false, items: itemsOf(entries) };
    });
  }

  async #compact(client: ClientProcess): Promise<void> {
    const { calls, oracle, random } = this.#world;
    const revision = oracle.revision - random.integer(1, 30);
    if (revision <= oracle.compacted) return;
    this.counts.compactions++;
    await calls.make(client, { action: { type: 'compact' }, value: null }, async (sdk, options) => {
      await sdk.perform({ type: 'compact', revision }, options);
      return { revision: null, wrote: false, items: null };
    });
  }
}

function itemsOf(entries: readonly (Entry | null)[]): Item[] {
  const items: Item[] = [];
  for (const entry of entries) {
    if (entry !== null) items.push({ key: entry.key, revision: entry.modRevision, value: entry.text() });
  }
  return items;
}
