import type { Selector, WatchBatch } from '@conclave/client';
import { ConclaveError } from '@conclave/client/internal';
import { electionKey } from '@conclave/protocol';
import type { Random } from '../random.ts';
import type { ClientProcess } from './client-process.ts';
import type { Item, MemberObserver, WatchRecord } from './observer.ts';
import { textOf } from './oracle.ts';

export interface WatchSettings {
  readonly selectors: readonly Selector[];
  readonly selects: (key: string) => boolean;
  readonly maxBufferedBytes: number;
  /** The first revision to be shown; null: begin with the state. */
  readonly from: number | null;
  readonly onCompacted: 'throw' | 'resync';
  /** What the application takes at most for a batch. */
  readonly maxDigestMs: number;
}

const progressMs = 300;
const maxBacklog = 100;
/** Of batches after which the application ends the watch, and opens it again where it was. */
const leaveShare = 0.01;

/** What the leader of an election publishes, as a key. */
const electionOf0: Uint8Array = electionKey(Buffer.from('l0'));

/** Everything, one key, or an election beside ranges that overlap. */
export function watchSettings(random: Random, maxBufferedBytes: number, revision: number): WatchSettings {
  // From the beginning of history, from a moment ago, or with the state that there is.
  const from = random.pick([1, Math.max(1, revision - random.integer(0, maxBacklog)), null]);
  const onCompacted = random.pick(['throw', 'resync', 'resync'] as const);
  const chosen = random.pick([
    { selectors: [{ from: '' }], selects: (key: string) => key >= '\u0001' },
    { selectors: ['k0'], selects: (key: string) => key === 'k0' },
    {
      selectors: [{ from: 'k1', to: 'l' }, electionOf0, { from: 'k', to: 'k3' }],
      selects: (key: string) => (key >= 'k' && key < 'l') || key === textOf(electionOf0),
    },
  ]);
  return { ...chosen, from, onCompacted, maxBufferedBytes, maxDigestMs: random.pick([0, 5, 5, 50]) };
}

/** An application that watches for as long as it lives, and takes its time with what it gets. */
export class WatchReader {
  readonly record: WatchRecord;
  readonly counts: { snapshots: number; compacted: number } = { snapshots: 0, compacted: 0 };
  readonly #client: ClientProcess;
  readonly #settings: WatchSettings;
  readonly #random: Random;
  readonly #observers: readonly MemberObserver[];
  #items: Item[] = [];
  #hasState: boolean;
  #isHurrying = false;

  constructor(client: ClientProcess, settings: WatchSettings, random: Random, observers: readonly MemberObserver[]) {
    this.#client = client;
    this.#settings = settings;
    this.#random = random;
    this.#observers = observers;
    this.#hasState = settings.from !== null;
    this.record = { name: client.name, selects: settings.selects, next: settings.from ?? 1 };
    client.process.spawn(() => this.#run());
  }

  get isAlive(): boolean {
    return this.#client.process.isAlive;
  }

  /** From now on it takes everything at once. */
  hurry(): void {
    this.#isHurrying = true;
  }

  async #run(): Promise<void> {
    try {
      for (;;) await this.#watch();
    } catch (error) {
      if (!ConclaveError.is(error, 'CLIENT_CLOSED')) throw error;
    }
  }

  async #watch(): Promise<void> {
    const client = await this.#client.client();
    const { maxBufferedBytes, maxDigestMs, onCompacted, selectors } = this.#settings;
    const from = this.#hasState ? ({ from: this.record.next } as const) : ({ initial: 'snapshot' } as const);
    try {
      for await (const batch of client.watch(selectors, { ...from, maxBufferedBytes, onCompacted, progressMs })) {
        this.#take(batch);
        if (this.#random.chance(leaveShare)) return;
        if (maxDigestMs > 0 && !this.#isHurrying)
          await this.#client.process.sleep(this.#random.between(0, maxDigestMs));
      }
    } catch (error) {
      if (onCompacted === 'resync' || !ConclaveError.is(error, 'COMPACTED')) throw error;
      this.counts.compacted++;
      this.#hasState = false;
    }
  }

  #take(batch: WatchBatch): void {
    const { record } = this;
    switch (batch.type) {
      case 'events': {
        const { author, events, revision } = batch;
        const changes = events.map((event) => ({
          key: event.key,
          value: event.type === 'put' ? event.entry.text() : null,
        }));
        for (const observer of this.#observers) observer.watchEvents?.(record, revision, changes, author);
        record.next = revision + 1;
        break;
      }
      case 'progress':
        for (const observer of this.#observers) observer.watchProgress?.(record, batch.revision);
        record.next = Math.max(record.next, batch.revision + 1);
        break;
      case 'snapshot':
        if (batch.first) this.#items = [];
        for (const entry of batch.entries) {
          this.#items.push({ key: entry.key, revision: entry.modRevision, value: entry.text() });
        }
        if (!batch.last) return;
        this.counts.snapshots++;
        for (const observer of this.#observers) observer.watchSnapshot?.(record, batch.revision, this.#items);
        this.#items = [];
        this.#hasState = true;
        record.next = batch.revision + 1;
        break;
    }
    this.#client.seen = Math.max(this.#client.seen, batch.revision);
  }
}
