import type { Message } from '@conclave/core';
import type { Random } from './random.ts';
import type { Scheduler } from './scheduler.ts';
import type { NetworkSettings } from './swarm.ts';

export interface NetworkCounts {
  sent: number;
  lost: number;
  duplicated: number;
  cut: number;
  straggled: number;
  cutShort: number;
}

/** Directed links between members: delay, loss, duplication, appends cut short, and reordering, which comes of delays that differ. */
export class Network {
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #deliver: (message: Message) => void;
  readonly #refuse: (message: Message) => void;
  readonly #cut = new Set<string>();
  #settings: NetworkSettings;
  readonly counts: NetworkCounts = { sent: 0, lost: 0, duplicated: 0, cut: 0, straggled: 0, cutShort: 0 };

  /** `refuse`: the sender is told that the message could not be sent, as it is when a connection is down. */
  constructor(
    scheduler: Scheduler,
    random: Random,
    settings: NetworkSettings,
    deliver: (message: Message) => void,
    refuse: (message: Message) => void,
  ) {
    this.#scheduler = scheduler;
    this.#random = random;
    this.#settings = settings;
    this.#deliver = deliver;
    this.#refuse = refuse;
  }

  send(message: Message): void {
    this.counts.sent++;
    // A cut is noticed only sometimes: a dead link looks like a slow one for long.
    if (this.#cut.has(link(message.from, message.to)) && this.#random.chance(0.1)) this.#refuse(message);
    const isBulk = message.type === 'append' && message.entries.length > 0;
    if (this.#random.chance(Math.max(this.#settings.lossRate, isBulk ? this.#settings.bulkLossRate : 0))) {
      this.counts.lost++;
      return;
    }
    const copies = this.#random.chance(this.#settings.duplicateRate) ? 2 : 1;
    if (copies === 2) this.counts.duplicated++;
    for (let copy = 0; copy < copies; copy++) {
      const arriving = this.#cutShort(message);
      this.#scheduler.after(this.#delay(), () => this.#arrive(arriving));
    }
  }

  #delay(): number {
    const { maxStragglerMs, meanDelayMs, minDelayMs, stragglerRate } = this.#settings;
    const delay = minDelayMs + this.#random.exponential(meanDelayMs);
    if (!this.#random.chance(stragglerRate)) return delay;
    this.counts.straggled++;
    return delay + this.#random.between(0, maxStragglerMs);
  }

  /** What is left says nothing that its leader could not have said at that moment. */
  #cutShort(message: Message): Message {
    if (message.type !== 'append' || message.entries.length === 0) return message;
    if (!this.#random.chance(this.#settings.cutShortRate)) return message;
    this.counts.cutShort++;
    return { ...message, entries: message.entries.slice(0, this.#random.integer(0, message.entries.length)) };
  }

  /** What is on the way when a link is cut is lost with it. */
  #arrive(message: Message): void {
    if (this.#cut.has(link(message.from, message.to))) this.counts.cut++;
    else this.#deliver(message);
  }

  cut(from: number, to: number): void {
    this.#cut.add(link(from, to));
  }

  connects(from: number, to: number): boolean {
    return !this.#cut.has(link(from, to)) && !this.#cut.has(link(to, from));
  }

  heal(): void {
    this.#cut.clear();
  }

  becomeReliable(): void {
    this.heal();
    const none = { lossRate: 0, bulkLossRate: 0, duplicateRate: 0, stragglerRate: 0, cutShortRate: 0 };
    this.#settings = { ...this.#settings, ...none };
  }
}

function link(from: number, to: number): string {
  return `${from}>${to}`;
}
