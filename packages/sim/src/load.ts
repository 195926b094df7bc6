import type { Host } from './host.ts';
import type { Observer } from './observer.ts';
import type { Random } from './random.ts';
import type { Scheduler } from './scheduler.ts';
import type { LoadSettings } from './swarm.ts';

export interface LoadCounts {
  writes: number;
  acknowledged: number;
  unknown: number;
  reads: number;
  answered: number;
}

/** How long a client waits before it gives an operation up as unknown. */
const patienceMs = 3_000;

/** Clients in closed loops: each writes values that are never repeated, and reads, at members of its choice. */
export class Load {
  readonly counts: LoadCounts = { writes: 0, acknowledged: 0, unknown: 0, reads: 0, answered: 0 };
  readonly #hosts: readonly Host[];
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #settings: LoadSettings;
  readonly #observers: readonly Observer[];
  #nextValue = 1;
  #nextRead = 1;
  #stopped = false;

  constructor(
    hosts: readonly Host[],
    scheduler: Scheduler,
    random: Random,
    settings: LoadSettings,
    observers: readonly Observer[],
  ) {
    this.#hosts = hosts;
    this.#scheduler = scheduler;
    this.#random = random;
    this.#settings = settings;
    this.#observers = observers;
    for (let client = 0; client < settings.clients; client++) this.#operate();
  }

  stop(): void {
    this.#stopped = true;
  }

  #operate(): void {
    const { clients, operationsPerSecond, readAnywhereShare, readShare } = this.#settings;
    const pause = this.#random.exponential((1_000 * clients) / operationsPerSecond);
    this.#scheduler.after(pause, () => {
      if (this.#stopped) return;
      if (!this.#random.chance(readShare)) this.#write(this.#choose());
      else if (this.#random.chance(readAnywhereShare)) this.#read(this.#random.pick(this.#hosts));
      else this.#read(this.#choose());
    });
  }

  /** Mostly somebody who believes to lead, rightly or not, or is believed to; sometimes anybody. */
  #choose(): Host {
    const believers = this.#hosts.filter((one) => one.node?.state.role === 'leader');
    if (believers.length > 0 && this.#random.chance(0.5)) return this.#random.pick(believers);
    const host = this.#random.pick(this.#hosts);
    const leader = host.leader;
    return leader !== null && this.#random.chance(0.8) ? (this.#hosts[leader - 1] ?? host) : host;
  }

  #write(host: Host): void {
    this.counts.writes++;
    const settle = this.#onlyOnce(() => {
      this.counts.unknown++;
    });
    host.write(this.#value(), (result) => {
      if (result === 'unknown') this.counts.unknown++;
      else if (result !== 'refused') {
        // Counts also when the client has given up: the write stands.
        this.counts.acknowledged++;
        for (const observer of this.#observers) observer.writeAcknowledged?.(result.index);
      }
      settle();
    });
  }

  #read(host: Host): void {
    this.counts.reads++;
    const read = this.#nextRead++;
    for (const observer of this.#observers) observer.readBegan?.(read);
    const settle = this.#onlyOnce(() => {});
    host.read((result) => {
      if (result !== 'refused') {
        this.counts.answered++;
        for (const observer of this.#observers) observer.readAnswered?.(read, result.index);
      }
      settle();
    });
  }

  /** Goes on to the next operation when this one is answered, or when patience ends. */
  #onlyOnce(gaveUp: () => void): () => void {
    let settled = false;
    const settle = (): void => {
      if (settled) return;
      settled = true;
      this.#operate();
    };
    this.#scheduler.after(patienceMs, () => {
      if (settled) return;
      gaveUp();
      settle();
    });
    return settle;
  }

  #value(): Uint8Array {
    const data = new Uint8Array(this.#random.integer(8, Math.max(9, this.#settings.maxValueBytes)));
    new DataView(data.buffer).setUint32(0, this.#nextValue++);
    return data;
  }
}
