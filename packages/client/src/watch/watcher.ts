import { limits, type Revision, wireLimits } from '@conclave/protocol';
import { bounds } from '../bounds.ts';
import type { ClientCore } from '../client-core.ts';
import { ConclaveError, cancelled } from '../error.ts';
import type { Entry, KeyEntry } from '../keys/entry.ts';
import type { KeySpace, Selector } from '../keys/key-space.ts';
import { onAbort } from '../on-abort.ts';
import type { WatchBatch } from './batch.ts';
import type { WatchStream } from './watch-stream.ts';

export interface WatchOptions {
  /** The first revision to be given: to go on, the last one seen plus one. Without it: everything from now on. */
  readonly from?: Revision;
  /** `snapshot`: first what there is. */
  readonly initial?: 'none' | 'snapshot';
  readonly keysOnly?: boolean;
  /** With what was there before, where history still has it. */
  readonly previous?: boolean;
  readonly events?: 'all' | 'put' | 'delete';
  /** A quiet watch says at least this often how far it is. Null: never. */
  readonly progressMs?: number | null;
  /** When it was away for longer than history lasts: an error, or a snapshot and on from there. */
  readonly onCompacted?: 'throw' | 'resync';
  /** What is sent before the application has taken it; one revision more may be. */
  readonly maxBufferedBytes?: number;
  /** Ends the watch: the iteration throws CANCELLED. */
  readonly signal?: AbortSignal;
}

/** Batches in the order of revisions, none missing, none twice, over every connection. `break`, `return` and `close` end it at the cluster. */
export interface Watcher<E extends KeyEntry = Entry> extends AsyncIterable<WatchBatch<E>>, AsyncDisposable {
  next(): Promise<IteratorResult<WatchBatch<E>, void>>;
  /** Everything up to it was received. 0: nothing yet. */
  readonly lastRevision: Revision;
  /** Bytes that wait to be taken. */
  readonly bufferedBytes: number;
  close(): Promise<void>;
}

/** A watch whose batches go to a function, one after the other: the next one waits until it has returned. */
export interface WatchRun extends AsyncDisposable {
  /** Resolves when it was closed; rejects with what the function threw or what ended the watch. */
  readonly done: Promise<void>;
  close(): Promise<void>;
}

export function openWatch(
  core: ClientCore,
  space: KeySpace,
  selectors: Selector | readonly Selector[],
  options: WatchOptions,
): WatchHandle {
  const { from, initial = 'none', progressMs = bounds.watchProgressMs, signal } = options;
  const { maxBufferedBytes = bounds.watchBufferBytes } = options;
  if (from !== undefined && initial === 'snapshot') {
    throw new ConclaveError('INVALID_ARGUMENT', 'watch: it begins at `from` or with a snapshot, not both');
  }
  if (!(maxBufferedBytes >= limits.maxKeyBytes && maxBufferedBytes <= wireLimits.maxCreditBytes)) {
    const range = `${limits.maxKeyBytes} to ${wireLimits.maxCreditBytes}`;
    throw new ConclaveError('INVALID_ARGUMENT', `maxBufferedBytes: ${maxBufferedBytes}, it must be ${range}`);
  }
  const chosen = Array.isArray(selectors) ? (selectors as readonly Selector[]) : [selectors as Selector];
  if (chosen.length === 0 || chosen.length > wireLimits.maxSelectorsPerWatch) {
    const limit = wireLimits.maxSelectorsPerWatch;
    throw new ConclaveError('INVALID_ARGUMENT', `watch: ${chosen.length} selectors, it takes 1 to ${limit}`);
  }
  if (signal?.aborted === true) throw cancelled(signal, 'watch');
  core.check();
  const stream = core.watches.open({
    space,
    selectors: chosen.map((selector) => space.range(selector)),
    start:
      initial === 'snapshot'
        ? { at: 'snapshot' }
        : from === undefined
          ? { at: 'now' }
          : { at: 'revision', revision: Math.max(1, from) },
    keysOnly: options.keysOnly ?? false,
    previous: options.previous ?? false,
    events: options.events ?? 'all',
    progressMs,
    onCompacted: options.onCompacted ?? 'throw',
    maxBufferedBytes: Math.floor(maxBufferedBytes),
  });
  return new WatchHandle(stream, signal);
}

export class WatchHandle implements Watcher {
  readonly #stream: WatchStream;
  readonly #stopListening: () => void;

  constructor(stream: WatchStream, signal: AbortSignal | undefined) {
    this.#stream = stream;
    this.#stopListening = onAbort(signal, () => stream.fail(cancelled(signal as AbortSignal, 'watch')));
  }

  get lastRevision(): Revision {
    return this.#stream.position ?? 0;
  }

  get bufferedBytes(): number {
    return this.#stream.buffer.bytes;
  }

  /** When the cluster was last heard to have told everything. */
  get heardMs(): number {
    return this.#stream.heardMs;
  }

  async next(): Promise<IteratorResult<WatchBatch, void>> {
    return this.#stream.buffer.next();
  }

  [Symbol.asyncIterator](): AsyncIterator<WatchBatch, void, void> {
    return {
      next: async () => this.next(),
      return: async () => {
        await this.close();
        return { done: true, value: undefined };
      },
    };
  }

  async close(): Promise<void> {
    this.#stopListening();
    this.#stream.close();
    await Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

export function runWatch(watcher: WatchHandle, handle: (batch: WatchBatch) => void | Promise<void>): WatchRun {
  const run = async (): Promise<void> => {
    try {
      for await (const batch of watcher) await handle(batch);
    } finally {
      await watcher.close();
    }
  };
  const done = run();
  // Whoever awaits `done` is told; nobody has to.
  done.catch(() => {});
  const close = async (): Promise<void> => {
    await watcher.close();
  };
  return { done, close, [Symbol.asyncDispose]: close };
}
