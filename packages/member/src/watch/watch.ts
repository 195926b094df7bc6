import type { KeyEvent, KeyRange, Revision, RevisionEvents, WatchCreate } from '@conclave/protocol';
import { behindReserved, selects } from './selection.ts';
import type { WatchClient } from './watch-client.ts';

/**
 * `snapshot`: the state at one revision is being sent. `behind`: it catches up from history. `live`: it gets what happens when it happens.
 * A watch whose client does not take what it is sent falls behind; nothing is kept for it.
 */
export type WatchPhase = 'snapshot' | 'behind' | 'live' | 'ended';

interface Snapshot {
  readonly revision: Revision;
  /** What the watch selects, each key once, in order. */
  readonly ranges: readonly KeyRange[];
  range: number;
  after: Uint8Array | null;
}

/** One watch of one client. */
export class Watch {
  readonly id: number;
  readonly client: WatchClient;
  readonly options: WatchCreate;
  readonly selectors: readonly KeyRange[];
  phase: WatchPhase;
  /** Everything that it selects before this revision was sent. */
  next: Revision;
  /** Bytes that the client can still take. */
  credit: number;
  lastSentMs: number;
  /** While a snapshot is sent: its revision, and where it goes on. */
  snapshot: Snapshot | null = null;

  constructor(client: WatchClient, options: WatchCreate, phase: WatchPhase, next: Revision, nowMs: number) {
    this.id = options.watch;
    this.client = client;
    this.options = options;
    this.selectors = options.selectors.map(behindReserved);
    this.phase = phase;
    this.next = next;
    this.credit = options.creditBytes;
    this.lastSentMs = nowMs;
  }

  get canTake(): boolean {
    return this.credit > 0 && !this.client.isCongested;
  }

  wants(event: KeyEvent): boolean {
    const { events } = this.options;
    if (events !== 'all' && events !== event.type) return false;
    const key = event.type === 'put' ? event.entry.key : event.key;
    return this.selectors.some((range) => selects(range, key));
  }
}

/** How a watch wants its events written. Watches that want the same share one encoding. */
export function shapeOf({ keysOnly, previous }: WatchCreate): number {
  return (keysOnly ? 1 : 0) + (previous ? 2 : 0);
}

/** The events at `places`, as `shape` wants them. */
export function shaped(revision: RevisionEvents, places: readonly number[], shape: number): RevisionEvents {
  const keysOnly = (shape & 1) !== 0;
  const withPrevious = (shape & 2) !== 0;
  const events = places.map((place): KeyEvent => {
    const event = revision.events[place] as KeyEvent;
    const previous = withPrevious ? event.previous : null;
    if (event.type === 'delete') return { ...event, previous };
    return { ...event, previous, entry: keysOnly ? { ...event.entry, value: null } : event.entry };
  });
  return { ...revision, events };
}
