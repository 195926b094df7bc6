import { ProtocolError, type WatchCancel, type WatchCreate, type WatchCredit, wireLimits } from '@conclave/protocol';
import type { Outbox } from '../client/outbox.ts';
import type { Watch } from './watch.ts';
import type { WatchHub } from './watch-hub.ts';

/** The watches of one connection, by the ids that the client chose. */
export class WatchClient {
  readonly outbox: Outbox;
  readonly #hub: WatchHub;
  readonly #watches = new Map<number, Watch>();

  constructor(hub: WatchHub, outbox: Outbox) {
    this.#hub = hub;
    this.outbox = outbox;
  }

  get isCongested(): boolean {
    return this.outbox.isCongested;
  }

  create(message: WatchCreate): void {
    if (this.#watches.has(message.watch)) {
      throw new ProtocolError('PROTOCOL', `watchCreate: watch ${message.watch} exists already`);
    }
    if (this.#watches.size >= wireLimits.maxWatchesPerConnection) {
      throw new ProtocolError(
        'PROTOCOL',
        `watchCreate: the limit of ${wireLimits.maxWatchesPerConnection} watches is reached`,
      );
    }
    this.#watches.set(message.watch, this.#hub.create(this, message));
  }

  credit({ bytes, watch: id }: WatchCredit): void {
    // It may have ended while the credit was on its way.
    const watch = this.#watches.get(id);
    if (watch === undefined) return;
    watch.credit = Math.min(watch.credit + bytes, wireLimits.maxCreditBytes);
    this.#hub.credited(watch);
  }

  cancel({ watch: id }: WatchCancel): void {
    const watch = this.#watches.get(id);
    if (watch !== undefined) this.#hub.end(watch, null);
  }

  ended(watch: Watch): void {
    this.#watches.delete(watch.id);
  }

  close(): void {
    for (const watch of this.#watches.values()) this.#hub.forget(watch);
    this.#watches.clear();
  }
}
