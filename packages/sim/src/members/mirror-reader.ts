// oxlint-disable-next-line import/no-unassigned-import -- it loads mirrors before anything runs: a simulated process cannot wait for a real disk
import '@conclave/client/live';
import type { Mirror, MirrorChange, Selector } from '@conclave/client';
import { ConclaveError } from '@conclave/client/internal';
import type { Random } from '../random.ts';
import type { ClientProcess } from './client-process.ts';
import type { MemberObserver, WatchRecord } from './observer.ts';

/** Mean times between looks at what a mirror has, and until it is closed and another one opened. */
const meanLookMs = 150;
const meanLifeMs = 3_000;

/** Several selectors, some of whose keys are selected twice. */
const selectors: readonly Selector[] = [{ from: 'k1', to: 'l' }, 'k0', { from: 'k', to: 'k3' }];
const selects = (key: string): boolean => key >= 'k' && key < 'l';

/** An application that keeps a mirror: it looks at it with every change and in between, and waits for what its client has seen. */
export class MirrorReader {
  readonly record: WatchRecord;
  /** States that were compared with the history, and those that came by a difference; what was waited for. */
  readonly counts: { mirrored: number; resynced: number; awaited: number } = { mirrored: 0, resynced: 0, awaited: 0 };
  readonly #client: ClientProcess;
  readonly #random: Random;
  readonly #observers: readonly MemberObserver[];
  #isHurrying = false;

  constructor(client: ClientProcess, random: Random, observers: readonly MemberObserver[]) {
    this.#client = client;
    this.#random = random;
    this.#observers = observers;
    this.record = { name: `${client.name}'s mirror`, selects, next: 1 };
    client.process.spawn(() => this.#run());
  }

  get isAlive(): boolean {
    return this.#client.process.isAlive;
  }

  /** From now on the mirror that there is stays. */
  hurry(): void {
    this.#isHurrying = true;
  }

  async #run(): Promise<void> {
    try {
      for (;;) await this.#keep();
    } catch (error) {
      if (!ConclaveError.is(error, 'CLIENT_CLOSED')) throw error;
    }
  }

  async #keep(): Promise<void> {
    const client = await this.#client.client();
    const { seen } = this.#client;
    await using mirror = await client.mirror(selectors, { timeoutMs: Number.MAX_SAFE_INTEGER });
    // What its client had seen is in it, whichever member it is from.
    this.record.next = seen + 1;
    this.#compare(mirror);
    mirror.on('change', (change) => this.#changed(mirror, change));
    const { process } = this.#client;
    const untilMs = process.clock.now() + this.#random.exponential(meanLifeMs);
    while (process.clock.now() < untilMs || this.#isHurrying) {
      await process.sleep(this.#random.exponential(meanLookMs));
      this.#compare(mirror);
      const wanted = this.#client.seen;
      await mirror.waitFor(wanted, { timeoutMs: Number.MAX_SAFE_INTEGER });
      this.counts.awaited++;
      this.record.next = Math.max(this.record.next, wanted + 1);
      this.#compare(mirror);
    }
  }

  /** All of it, at its own revision. */
  #compare(mirror: Mirror): void {
    const items = mirror.list().map((entry) => ({ key: entry.key, revision: entry.modRevision, value: entry.text() }));
    const { revision } = mirror;
    for (const observer of this.#observers) observer.watchSnapshot?.(this.record, revision, items);
    this.counts.mirrored++;
    this.record.next = revision + 1;
    this.#client.seen = Math.max(this.#client.seen, revision);
  }

  #changed(mirror: Mirror, { author, events, revision, synthetic }: MirrorChange): void {
    if (synthetic === null) {
      const changes = events.map((event) => ({
        key: event.key,
        value: event.type === 'put' ? event.entry.text() : null,
      }));
      for (const observer of this.#observers) observer.watchEvents?.(this.record, revision, changes, author);
      this.record.next = revision + 1;
    } else this.counts.resynced++;
    this.#compare(mirror);
  }
}
