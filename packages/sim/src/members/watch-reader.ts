import {
  decodeEntries,
  decodeEvents,
  type KeyEvent,
  type KeyRange,
  type KeyValue,
  type MemberMessage,
} from '@conclave/protocol';
import type { Random } from '../random.ts';
import type { Scheduler } from '../scheduler.ts';
import { Violation } from '../violation.ts';
import type { SimulatedClient } from './client.ts';
import type { MemberObserver, WatchRecord } from './observer.ts';
import { textOf } from './oracle.ts';

type WatchMessage = Extract<MemberMessage, { type: `watch${string}` }>;

export interface WatchSettings {
  readonly selectors: readonly KeyRange[];
  readonly selects: (key: string) => boolean;
  readonly creditBytes: number;
  readonly fromSnapshot: boolean;
}

/** A watch over all connections of a client: it resumes behind the last that it saw, and gives credit back after a while. */
export class WatchReader {
  readonly record: WatchRecord;
  readonly #client: SimulatedClient;
  readonly #settings: WatchSettings;
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #observers: readonly MemberObserver[];
  #watch = 0;
  #pieces: Uint8Array[] = [];
  #snapshot: KeyValue[] = [];
  #snapshotRevision = 0;
  #hasState: boolean;
  maxDigestMs = 50;

  constructor(
    client: SimulatedClient,
    settings: WatchSettings,
    scheduler: Scheduler,
    random: Random,
    observers: readonly MemberObserver[],
  ) {
    this.#client = client;
    this.#settings = settings;
    this.#scheduler = scheduler;
    this.#random = random;
    this.#observers = observers;
    this.#hasState = !settings.fromSnapshot;
    this.record = { name: client.name, selects: settings.selects, next: 1 };
  }

  disconnected(): void {
    this.#pieces = [];
    this.#snapshot = [];
  }

  connected(): void {
    this.disconnected();
    this.#watch++;
    const from = this.#hasState
      ? ({ at: 'revision', revision: this.record.next } as const)
      : ({ at: 'snapshot' } as const);
    this.#client.sendWatch({
      type: 'watchCreate',
      watch: this.#watch,
      selectors: this.#settings.selectors,
      from,
      keysOnly: false,
      previous: false,
      events: 'all',
      progressMs: 100,
      onCompaction: 'resync',
      creditBytes: this.#settings.creditBytes,
    });
  }

  handle(message: WatchMessage): void {
    switch (message.type) {
      case 'watchCreated':
        return;
      case 'watchEvents':
        return this.#events(message.watches, message.more, message.bytes);
      case 'watchProgress':
        if (!message.watches.includes(this.#watch)) return;
        for (const observer of this.#observers) observer.watchProgress?.(this.record, message.revision);
        this.record.next = Math.max(this.record.next, message.revision + 1);
        return;
      case 'watchSnapshot':
        if (message.watch !== this.#watch) return;
        this.#expectSnapshotOf(message.revision);
        this.#snapshot.push(...decodeEntries(message.entries));
        return this.#giveBack(message.entries.length);
      case 'watchSynced':
        if (message.watch !== this.#watch) return;
        this.#expectSnapshotOf(message.revision);
        for (const observer of this.#observers) observer.watchSnapshot?.(this.record, message.revision, this.#snapshot);
        this.#snapshot = [];
        this.#hasState = true;
        this.record.next = message.revision + 1;
        return;
      case 'watchEnded':
        if (message.watch === this.#watch)
          throw new Violation('watches live', `${this.record.name}: ${message.error?.code}`);
    }
  }

  /** Pieces of an earlier one are void: a compaction overtook it. */
  #expectSnapshotOf(revision: number): void {
    if (this.#snapshotRevision !== revision) this.#snapshot = [];
    this.#snapshotRevision = revision;
  }

  #events(watches: readonly number[], more: boolean, bytes: Uint8Array): void {
    if (!watches.includes(this.#watch)) return;
    this.#pieces.push(bytes);
    if (more) return;
    const whole = Buffer.concat(this.#pieces);
    this.#pieces = [];
    const { events, revision } = decodeEvents(whole);
    for (const observer of this.#observers) observer.watchEvents?.(this.record, revision, events.map(eventText));
    this.record.next = revision + 1;
    this.#giveBack(whole.length);
  }

  #giveBack(bytes: number): void {
    const watch = this.#watch;
    this.#scheduler.after(this.#random.between(0, this.maxDigestMs), () => {
      if (watch === this.#watch) this.#client.sendWatch({ type: 'watchCredit', watch, bytes });
    });
  }
}

/** What an event says, for comparison. */
export function eventText(event: KeyEvent): string {
  if (event.type === 'delete') return `delete ${textOf(event.key)}`;
  return `put ${textOf(event.entry.key)} ${event.entry.value === null ? '-' : textOf(event.entry.value)}`;
}
