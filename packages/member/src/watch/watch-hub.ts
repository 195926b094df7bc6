import {
  encodeEntries,
  ProtocolError,
  type Revision,
  type RevisionEvents,
  toErrorBody,
  type WatchCreate,
} from '@conclave/protocol';
import { protocolError, type StateMachine } from '@conclave/state-machine';
import type { Clock, Timers } from '../environment.ts';
import { bounds } from '../settings.ts';
import { Delivery, sendEvents } from './delivery.ts';
import { merged, Selection } from './selection.ts';
import { Watch } from './watch.ts';
import type { WatchClient } from './watch-client.ts';

/** How often watches that wait for room are looked at again, and quiet ones for their progress. */
const lookIntervalMs = 50;

/**
 * All watches of a member. What is applied goes at once to those that are live; one that cannot take it falls behind and reads history
 * when it can again: nothing waits for it, and nothing is kept for it.
 */
export class WatchHub {
  readonly #machine: StateMachine;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #live = new Selection<Watch>();
  readonly #watches = new Set<Watch>();
  /** In the order in which they get their next piece. */
  readonly #waiting = new Set<Watch>();
  #workScheduled = false;
  #lookScheduled = false;

  constructor(machine: StateMachine, clock: Clock, timers: Timers) {
    this.#machine = machine;
    this.#clock = clock;
    this.#timers = timers;
  }

  get count(): number {
    return this.#watches.size;
  }

  create(client: WatchClient, options: WatchCreate): Watch {
    const { revision } = this.#machine;
    const { from } = options;
    const next = from.at === 'revision' ? from.revision : revision + 1;
    const watch = new Watch(client, options, 'behind', next, this.#clock.nowMs());
    this.#watches.add(watch);
    client.outbox.add({ type: 'watchCreated', watch: watch.id, revision });
    if (from.at === 'snapshot') this.#beginSnapshot(watch);
    else if (next > revision) this.#goLive(watch);
    else this.#fallBehind(watch);
    this.#scheduleLook();
    return watch;
  }

  end(watch: Watch, error: ProtocolError | null): void {
    if (watch.phase === 'ended') return;
    this.forget(watch);
    watch.client.outbox.add({ type: 'watchEnded', watch: watch.id, error: error === null ? null : toErrorBody(error) });
    watch.client.ended(watch);
  }

  /** Without a word: its client is gone. */
  forget(watch: Watch): void {
    this.#leaveLive(watch);
    watch.phase = 'ended';
    this.#waiting.delete(watch);
    this.#watches.delete(watch);
  }

  /** The client can take more. */
  credited(watch: Watch): void {
    if (this.#waiting.has(watch)) this.#scheduleWork();
  }

  /** A revision was applied. */
  publish(revision: RevisionEvents): void {
    if (this.#live.isEmpty) return;
    const matched = this.#matching(revision);
    if (matched.size === 0) return;
    const delivery = new Delivery(revision);
    const batches = new Map<WatchClient, Map<Uint8Array, Watch[]>>();
    for (const watch of matched) {
      if (delivery.revision < watch.next) continue;
      if (!watch.canTake) {
        this.#fallBehindAt(watch, delivery.revision);
        continue;
      }
      const places = delivery.placesFor(watch);
      if (places !== null) addTo(batches, watch, delivery.bytesFor(watch, places));
    }
    for (const [client, byBytes] of batches) {
      for (const [bytes, watches] of byBytes) {
        sendEvents(client, watches, bytes);
        for (const watch of watches) this.#sent(watch, bytes.length, delivery.revision + 1);
      }
    }
  }

  /** One event is looked up for all; a watch that wants several of the revision's is found once. */
  #matching(revision: RevisionEvents): Set<Watch> {
    const matched = new Set<Watch>();
    for (const event of revision.events) {
      this.#live.match(event.type === 'put' ? event.entry.key : event.key, (watch) => matched.add(watch));
    }
    return matched;
  }

  #sent(watch: Watch, bytes: number, next: Revision): void {
    watch.credit -= bytes;
    watch.next = next;
    watch.lastSentMs = this.#clock.nowMs();
  }

  #goLive(watch: Watch): void {
    if (watch.phase === 'ended') return;
    watch.phase = 'live';
    this.#waiting.delete(watch);
    for (const range of watch.selectors) this.#live.add(range, watch);
  }

  #leaveLive(watch: Watch): void {
    if (watch.phase === 'live') for (const range of watch.selectors) this.#live.remove(range, watch);
  }

  #fallBehindAt(watch: Watch, next: Revision): void {
    this.#leaveLive(watch);
    watch.next = next;
    this.#fallBehind(watch);
  }

  #fallBehind(watch: Watch): void {
    watch.phase = 'behind';
    this.#waiting.add(watch);
    this.#scheduleWork();
  }

  #beginSnapshot(watch: Watch): void {
    watch.phase = 'snapshot';
    watch.snapshot = {
      revision: this.#machine.revision,
      ranges: merged(watch.selectors),
      range: 0,
      after: null,
    };
    this.#waiting.add(watch);
    this.#scheduleWork();
  }

  #scheduleWork(): void {
    if (this.#workScheduled) return;
    this.#workScheduled = true;
    this.#timers.soon(() => {
      this.#workScheduled = false;
      this.#work();
    });
  }

  /** A piece for each of a few watches, then everybody else on this member gets his turn. */
  #work(): void {
    const turn = this.#nextInLine();
    for (const watch of turn) {
      // What an earlier one of this turn was sent may have been too much for the client of both.
      if (watch.phase === 'ended') continue;
      // To the end of the line.
      this.#waiting.delete(watch);
      this.#waiting.add(watch);
      try {
        if (watch.phase === 'snapshot') this.#sendSnapshotPiece(watch);
        else this.#catchUp(watch);
      } catch (error) {
        this.#trouble(watch, error);
      }
    }
    if (turn.length > 0 && this.#waiting.size > 0) this.#scheduleWork();
  }

  #nextInLine(): Watch[] {
    const turn: Watch[] = [];
    for (const watch of this.#waiting) {
      if (turn.length >= bounds.maxCatchUpsPerTurn) break;
      if (watch.canTake) turn.push(watch);
    }
    return turn;
  }

  #catchUp(watch: Watch): void {
    const page = this.#machine.history(watch.next, bounds.historyPageBytes);
    for (const revision of page.revisions) {
      if (watch.phase === 'ended' || !watch.canTake) return;
      const delivery = new Delivery(revision);
      const places = delivery.placesFor(watch);
      if (places === null) {
        watch.next = revision.revision + 1;
        continue;
      }
      const bytes = delivery.bytesFor(watch, places);
      sendEvents(watch.client, [watch], bytes);
      this.#sent(watch, bytes.length, revision.revision + 1);
    }
    watch.next = Math.max(watch.next, page.next);
    if (page.done) this.#goLive(watch);
  }

  #sendSnapshotPiece(watch: Watch): void {
    const { snapshot } = watch;
    if (snapshot === null) return this.#endSnapshot(watch);
    const selector = snapshot.ranges[snapshot.range];
    if (selector === undefined) return this.#endSnapshot(watch);
    const { after, revision } = snapshot;
    const from = after === null || selector.end === null ? selector.key : behind(after);
    const answer = this.#machine.query({
      type: 'range',
      range: { key: from, end: selector.end },
      revision,
      limit: 0,
      order: 'ascending',
      keysOnly: watch.options.keysOnly,
      countOnly: false,
      modifiedSince: null,
    });
    if (answer.type === 'error') throw protocolError(answer);
    if (answer.type !== 'range') throw new Error(`a range was answered by ${answer.type}`);
    if (answer.entries.length > 0) {
      const entries = encodeEntries(answer.entries);
      watch.client.outbox.add({ type: 'watchSnapshot', watch: watch.id, revision, entries });
      this.#sent(watch, entries.length, watch.next);
    }
    const last = answer.entries.at(-1);
    if (answer.more && last !== undefined) {
      snapshot.after = last.key;
    } else {
      snapshot.range++;
      snapshot.after = null;
    }
  }

  #endSnapshot(watch: Watch): void {
    const revision = watch.snapshot?.revision ?? this.#machine.revision;
    watch.snapshot = null;
    watch.client.outbox.add({ type: 'watchSynced', watch: watch.id, revision });
    watch.next = revision + 1;
    watch.phase = 'behind';
  }

  /** What it needs was compacted: it begins anew, or ends and says so. Whoever is still being sent a state misses nothing by a newer one. */
  #trouble(watch: Watch, error: unknown): void {
    if (!(error instanceof ProtocolError)) throw error;
    const mayBeginAnew = watch.options.onCompaction === 'resync' || watch.phase === 'snapshot';
    if (error.code === 'COMPACTED' && mayBeginAnew) this.#beginSnapshot(watch);
    else this.end(watch, error);
  }

  #scheduleLook(): void {
    if (this.#lookScheduled || this.#watches.size === 0) return;
    this.#lookScheduled = true;
    this.#timers.after(lookIntervalMs, () => {
      this.#lookScheduled = false;
      if (this.#waiting.size > 0) this.#scheduleWork();
      this.#sayProgress();
      this.#scheduleLook();
    });
  }

  /** A watch that is live has been sent everything up to the present revision: that is what makes the word true (etcd #15220). */
  #sayProgress(): void {
    const now = this.#clock.nowMs();
    const { revision } = this.#machine;
    const due = new Map<WatchClient, Watch[]>();
    for (const watch of this.#watches) {
      const { progressMs } = watch.options;
      if (watch.phase !== 'live' || progressMs === null || now - watch.lastSentMs < progressMs) continue;
      if (watch.next > revision + 1 || watch.client.isCongested) continue;
      watch.lastSentMs = now;
      const together = due.get(watch.client);
      if (together === undefined) due.set(watch.client, [watch]);
      else together.push(watch);
    }
    for (const [client, watches] of due) {
      client.outbox.add({ type: 'watchProgress', watches: watches.map(({ id }) => id), revision });
    }
  }
}

function addTo(batches: Map<WatchClient, Map<Uint8Array, Watch[]>>, watch: Watch, bytes: Uint8Array): void {
  let byBytes = batches.get(watch.client);
  if (byBytes === undefined) {
    byBytes = new Map();
    batches.set(watch.client, byBytes);
  }
  const together = byBytes.get(bytes);
  if (together === undefined) byBytes.set(bytes, [watch]);
  else together.push(watch);
}

/** The first key behind `key`. */
function behind(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}
