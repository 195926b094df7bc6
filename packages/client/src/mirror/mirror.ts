import type { Revision } from '@conclave/protocol';
import { bounds } from '../bounds.ts';
import { type CallOptions, waitingFor } from '../call.ts';
import type { ClientCore } from '../client-core.ts';
import { Emitter, type Unsubscribe } from '../emitter.ts';
import { ConclaveError } from '../error.ts';
import type { Waiting } from '../exchange/exchange.ts';
import type { Entry } from '../keys/entry.ts';
import { type Key, KeySpace, type Selector } from '../keys/key-space.ts';
import type { SnapshotBatch, WatchBatch } from '../watch/batch.ts';
import { openWatch, type WatchHandle } from '../watch/watcher.ts';
import { applied, difference, type MirrorChange } from './change.ts';
import { News } from './news.ts';
import { type Draft, nameOf, SortedEntries } from './sorted-entries.ts';
import { type MirrorListOptions, type MirrorView, nameRange, View } from './view.ts';

export interface MirrorOptions extends CallOptions {
  /** Of keys, values and what it takes to hold them: 1 or more, 67,108,864 if not given. Beyond it the mirror ends, LIMIT_EXCEEDED. */
  readonly maxBytes?: number;
}

export type MirrorEvents = {
  /** Its state is another one. It is whole already when this is called. */
  readonly change: readonly [MirrorChange];
};

/**
 * A copy of keys on this side: read at once, in the order of the keys, and always as all of them were at one revision. When it has ended
 * (`signal`), reading throws why: what nobody keeps up to date is not shown as if it were.
 */
export interface Mirror extends MirrorView, AsyncDisposable {
  /** Everything up to it is here. */
  readonly revision: Revision;
  /** Memory that it takes, about: counted against `maxBytes`. While it begins anew behind a compaction, it may take twice that. */
  readonly bytes: number;
  /** Since a member last said that nothing is missing. */
  readonly staleMs: number;
  /** Aborts when it follows no longer: it was closed, or its client, or it outgrew `maxBytes`. */
  readonly signal: AbortSignal;
  /** The state as it is now, to be kept: what happens next is not in it. */
  view(): MirrorView;
  /**
   * Resolves when what was written at `revision` is here: read what you have written. At once as a rule; within a second, if no mirrored
   * key was written then. Rejects with COMPACTED when the cluster is restored from a backup meanwhile: what was written may not be in it.
   */
  waitFor(revision: Revision, options?: CallOptions): Promise<void>;
  /** The changes from now on. A slow reader gets several in one, synthetic. */
  changes(options?: { readonly signal?: AbortSignal }): AsyncIterable<MirrorChange>;
  on<E extends keyof MirrorEvents>(event: E, listener: (...values: MirrorEvents[E]) => void): Unsubscribe;
  close(): Promise<void>;
}

/** Follows the states in their order; the next one waits until it has returned. `change` null: the first one. */
export type MirrorFollower = (view: View, change: MirrorChange | null) => Promise<void>;

/** Resolves with the first state. */
export async function openMirror(
  core: ClientCore,
  space: KeySpace,
  selectors: Selector | readonly Selector[],
  options: MirrorOptions,
): Promise<Mirror> {
  const waiting = waitingFor(core, options);
  const mirror = new MirrorHandle(core, space, selectors, options.maxBytes);
  try {
    await mirror.begun(waiting);
    return mirror;
  } catch (error) {
    await mirror.close();
    throw error;
  }
}

const namesOwn = new KeySpace();

export class MirrorHandle implements Mirror {
  readonly #core: ClientCore;
  readonly #watcher: WatchHandle;
  readonly #maxBytes: number;
  readonly #follower: MirrorFollower | null;
  readonly #events: Emitter<MirrorEvents>;
  readonly #news: News;
  readonly #nothing: View;
  /** Null until the first state is whole. */
  #view: View | null = null;
  /** A state that is on its way, in pieces. */
  #arriving: Draft = SortedEntries.empty.draft();
  #last: { readonly before: SortedEntries; readonly change: MirrorChange } | null = null;
  /** Of the state that was last shown, and that the follower has taken. */
  #handled: Revision | null = null;
  /** That this client had seen when it was opened. */
  readonly #least: Revision;
  /** How often the cluster was restored. */
  #restores = 0;

  constructor(
    core: ClientCore,
    space: KeySpace,
    selectors: Selector | readonly Selector[],
    maxBytes: number = bounds.mirrorBytes,
    follower: MirrorFollower | null = null,
  ) {
    if (!(maxBytes > 0)) throw new ConclaveError('INVALID_ARGUMENT', `maxBytes: ${maxBytes}, it must be above 0`);
    const progressMs = bounds.mirrorProgressMs;
    this.#core = core;
    this.#least = core.revision;
    this.#watcher = openWatch(core, space, selectors, { initial: 'snapshot', onCompacted: 'resync', progressMs });
    this.#maxBytes = maxBytes;
    this.#follower = follower;
    this.#events = new Emitter(core.environment.report);
    this.#news = new News(core, 'mirror');
    const chosen = Array.isArray(selectors) ? (selectors as readonly Selector[]) : [selectors as Selector];
    const mirrored = chosen.map((selector) => nameRange(namesOwn.range(selector)));
    this.#nothing = new View(0, SortedEntries.empty, mirrored);
    void this.#follow();
  }

  /** Its first state is here, and everything that this client had seen before: of a member that is behind, not what it has but what comes next. */
  async begun(waiting: Waiting): Promise<void> {
    const core = this.#core;
    // After a restore nothing that was seen counts.
    await this.#news.until(
      () => this.#handled !== null && this.#handled >= Math.min(this.#least, core.revision),
      waiting,
    );
  }

  view(): View {
    this.signal.throwIfAborted();
    return this.#view ?? this.#nothing;
  }

  get revision(): Revision {
    return this.view().revision;
  }

  get size(): number {
    return this.view().size;
  }

  get bytes(): number {
    return this.view().entries.bytes;
  }

  get staleMs(): number {
    return Math.max(0, this.#core.environment.clock.nowMs() - this.#watcher.heardMs);
  }

  get signal(): AbortSignal {
    return this.#news.ended;
  }

  get(key: Key): Entry | null {
    return this.view().get(key);
  }

  list(selector?: Selector, options?: MirrorListOptions): Entry[] {
    return this.view().list(selector, options);
  }

  [Symbol.iterator](): Iterator<Entry, void, void> {
    return this.view()[Symbol.iterator]();
  }

  on<E extends keyof MirrorEvents>(event: E, listener: (...values: MirrorEvents[E]) => void): Unsubscribe {
    return this.#events.on(event, listener);
  }

  async waitFor(revision: Revision, options: CallOptions = {}): Promise<void> {
    const restores = this.#restores;
    await this.#news.until(
      () => {
        if (restores === this.#restores) return (this.#handled ?? 0) >= revision;
        const message = `mirror: the cluster was restored from a backup, which may not have revision ${revision}`;
        throw new ConclaveError('COMPACTED', message, { details: { revision } });
      },
      waitingFor(this.#core, options),
    );
  }

  changes({ signal }: { readonly signal?: AbortSignal } = {}): AsyncIterable<MirrorChange> {
    return this.#changes(this.view().entries, signal);
  }

  async *#changes(from: SortedEntries, signal: AbortSignal | undefined): AsyncGenerator<MirrorChange, void, void> {
    let before = from;
    for (;;) {
      const given = before;
      await this.#news.until(() => this.view().entries !== given, { deadlineMs: Number.POSITIVE_INFINITY, signal });
      const { entries, revision } = this.view();
      before = entries;
      const last = this.#last;
      const change = last?.before === given ? last.change : difference(given, entries, revision, 'slow');
      if (change.events.length > 0) yield change;
    }
  }

  async close(): Promise<void> {
    await this.#watcher.close();
    this.#news.end(new ConclaveError('CANCELLED', 'mirror: it was closed'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #follow(): Promise<void> {
    try {
      for await (const batch of this.#watcher) {
        const change = this.#take(batch);
        const view = this.#view;
        if (view === null) continue;
        if (change !== undefined) await this.#follower?.(view, change);
        this.#handled = view.revision;
        this.#news.wake();
      }
      await this.close();
    } catch (error) {
      this.#news.end(error);
    }
    this.#view = null;
    this.#last = null;
  }

  /** In one go: whoever reads sees what was before it or what is behind it. Answers what a follower is told; undefined: nothing has changed. */
  #take(batch: WatchBatch): MirrorChange | null | undefined {
    if (batch.type === 'snapshot') return this.#takeSnapshot(batch);
    const view = this.#view ?? this.#nothing;
    if (batch.type === 'progress') {
      this.#view = view.with(batch.revision, view.entries);
      return undefined;
    }
    const draft = view.entries.draft();
    const change = applied(batch, draft);
    this.#checkRoom(draft);
    this.#changed(view, view.with(batch.revision, draft.finish()), change);
    return change;
  }

  #takeSnapshot({ entries, first, last, reason, revision }: SnapshotBatch): MirrorChange | null | undefined {
    const view = this.#view;
    if (first) this.#arriving = SortedEntries.empty.draft();
    for (const entry of entries) {
      const name = nameOf(entry.keyBytes);
      const known = view?.entries.get(name);
      this.#arriving.put({ name, entry: known?.modRevision === entry.modRevision ? known : entry });
    }
    this.#checkRoom(this.#arriving);
    if (!last) return undefined;
    const now = this.#arriving.finish();
    this.#arriving = SortedEntries.empty.draft();
    if (reason === 'restored') this.#restores++;
    if (view === null) {
      this.#view = this.#nothing.with(revision, now);
      return null;
    }
    const change = difference(view.entries, now, revision, reason === 'restored' ? reason : 'compacted');
    if (change.events.length > 0) this.#changed(view, view.with(revision, now), change);
    else this.#view = view.with(revision, view.entries);
    return change;
  }

  #changed(before: View, now: View, change: MirrorChange): void {
    this.#last = { before: before.entries, change };
    this.#view = now;
    this.#events.emit('change', change);
  }

  #checkRoom({ bytes }: Draft): void {
    const limit = this.#maxBytes;
    if (bytes <= limit) return;
    const message = `mirror: the keys take ${bytes} bytes, the limit is ${limit} (maxBytes)`;
    throw new ConclaveError('LIMIT_EXCEEDED', message, { details: { limit } });
  }
}
