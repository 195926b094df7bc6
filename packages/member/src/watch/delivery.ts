import { encodeEvents, type Revision, type RevisionEvents, wireLimits } from '@conclave/protocol';
import { shaped, shapeOf, type Watch } from './watch.ts';
import type { WatchClient } from './watch-client.ts';

/** One revision on its way out: each distinct set of its events is encoded once, whoever it goes to. */
export class Delivery {
  readonly #revision: RevisionEvents;
  readonly #encoded = new Map<string, Uint8Array>();

  constructor(revision: RevisionEvents) {
    this.#revision = revision;
  }

  get revision(): Revision {
    return this.#revision.revision;
  }

  /** Which of the events `watch` wants; null when none. */
  placesFor(watch: Watch): number[] | null {
    const places: number[] = [];
    this.#revision.events.forEach((event, place) => {
      if (watch.wants(event)) places.push(place);
    });
    return places.length === 0 ? null : places;
  }

  bytesFor(watch: Watch, places: readonly number[]): Uint8Array {
    const shape = shapeOf(watch.options);
    const name = `${shape}:${places.length === this.#revision.events.length ? 'all' : places.join()}`;
    const known = this.#encoded.get(name);
    if (known !== undefined) return known;
    const bytes = encodeEvents(shaped(this.#revision, places, shape));
    this.#encoded.set(name, bytes);
    return bytes;
  }
}

/** Watches of one client that get the same bytes go into one message; a revision too large for one goes in pieces. */
export function sendEvents(client: WatchClient, watches: readonly Watch[], bytes: Uint8Array): void {
  const ids = watches.map((watch) => watch.id);
  for (let at = 0; at < bytes.length; at += wireLimits.maxEventFragmentBytes) {
    const piece = bytes.subarray(at, at + wireLimits.maxEventFragmentBytes);
    const more = at + piece.length < bytes.length;
    client.outbox.add({ type: 'watchEvents', watches: ids, more, bytes: piece });
  }
}
