import type { Revision } from '@conclave/protocol';
import { bounds } from '../bounds.ts';
import { type CallOptions, waitingFor } from '../call.ts';
import { type Client, coreOfClient } from '../client.ts';
import { ConclaveError, cancelled } from '../error.ts';
import type { Entry } from '../keys/entry.ts';
import type { Key } from '../keys/key-space.ts';
import { onAbort } from '../on-abort.ts';
import type { EventsBatch } from '../watch/batch.ts';
import type { WatchOptions } from '../watch/watcher.ts';

/** Who and why, by their own word, and when, by the wall clock of the leader then. Null: compacted, only the value is left. */
export interface Origin {
  readonly author: string | null;
  readonly reason: string | null;
  readonly wallTimeMs: number | null;
}

export interface KeyRevision extends Origin {
  readonly revision: Revision;
  /** What was written. Null: it was deleted. */
  readonly entry: Entry | null;
}

export interface KeyHistory {
  /** The newest first. */
  readonly revisions: readonly KeyRevision[];
  /** `before` for those that come next. Null: there are none, or none any more. */
  readonly next: Revision | null;
  /** Not null: what was before this revision was compacted, and nobody knows it any more. */
  readonly compacted: Revision | null;
}

export interface HistoryOptions extends CallOptions {
  /** At most so many, 1 to 1,000; 20, if not given. */
  readonly limit?: number;
  /** Only what was written before this revision. */
  readonly before?: Revision;
}

const defaultLimit = 20;
const maxLimit = 1_000;
/** Of revisions whose author is asked for at a time. */
const together = 16;
/** In which a deletion is looked for at first, in revisions; then so many times as far. */
const firstSpan = 4_096;
const spanFactor = 8;

const unknown: Origin = { author: null, reason: null, wallTimeMs: null };

/**
 * What was written to one key, and when it was deleted, as far back as the cluster keeps history. Reads at older and older revisions, and asks for who and
 * why by a short watch of each: the cost is that of the revisions that are given, however many others there are in between. Only
 * where the key was deleted the history of all keys is searched, backwards from there.
 */
export async function keyHistory(client: Client, key: Key, options: HistoryOptions = {}): Promise<KeyHistory> {
  const { before = Number.POSITIVE_INFINITY, limit = defaultLimit } = options;
  if (!(limit >= 1 && limit <= maxLimit)) {
    throw new ConclaveError('INVALID_ARGUMENT', `limit: ${limit}, it must be 1 to ${maxLimit}`);
  }
  return new Walk(client, key, options).back(before - 1, limit);
}

/** Backwards over the revisions of one key. */
class Walk {
  readonly #client: Client;
  readonly #key: Key;
  readonly #signal: AbortSignal | undefined;
  readonly #deadlineMs: number;

  constructor(client: Client, key: Key, options: CallOptions) {
    this.#client = client;
    this.#key = key;
    this.#signal = options.signal;
    this.#deadlineMs = waitingFor(coreOfClient(client), options).deadlineMs;
  }

  get #left(): CallOptions {
    const timeoutMs = Math.max(0, this.#deadlineMs - coreOfClient(this.#client).environment.clock.nowMs());
    return this.#signal === undefined ? { timeoutMs } : { timeoutMs, signal: this.#signal };
  }

  async back(last: Revision, limit: number): Promise<KeyHistory> {
    const { revision: present } = await this.#client.read(this.#key, this.#left);
    const found: { readonly revision: Revision; readonly entry: Entry | null; readonly origin: Origin | null }[] = [];
    let compacted: Revision | null = null;
    let at = Math.min(last, present);
    while (at >= 1 && found.length < limit) {
      const step = await this.#before(at);
      if (typeof step === 'number') compacted = step;
      if (step === null || typeof step === 'number') at = 0;
      else {
        found.push(step);
        at = step.revision - 1;
      }
    }
    const revisions: KeyRevision[] = [];
    for (let from = 0; from < found.length; from += together) {
      const some = found.slice(from, from + together).map(async ({ entry, origin, revision }) => {
        return { revision, entry, ...(origin ?? (await this.#origin(revision))) };
      });
      revisions.push(...(await Promise.all(some)));
    }
    return { revisions, next: at >= 1 ? at + 1 : null, compacted };
  }

  /** The last change at or before `at`. Null: there was none. A number: what there was before it was compacted. */
  async #before(
    at: Revision,
  ): Promise<{ revision: Revision; entry: Entry | null; origin: Origin | null } | Revision | null> {
    try {
      const { entry } = await this.#client.read(this.#key, { ...this.#left, revision: at });
      if (entry !== null) return { revision: entry.modRevision, entry, origin: null };
    } catch (error) {
      return compactedBy(error);
    }
    return this.#deletion(at);
  }

  /** The key is not there at `at`: the last time it was deleted. */
  async #deletion(at: Revision): Promise<{ revision: Revision; entry: null; origin: Origin } | Revision | null> {
    let compacted: Revision | null = null;
    for (let span = firstSpan; ; span *= spanFactor) {
      const from: Revision = compacted ?? Math.max(1, at - span + 1);
      let last: EventsBatch | null = null;
      try {
        // It ends with what made the key anew, or with word that there is nothing up to here.
        for await (const batch of this.#watch({ from, keysOnly: true, progressMs: bounds.historyProgressMs })) {
          if (batch.type === 'events' && batch.revision <= at) last = batch;
          if (batch.revision >= at) break;
        }
      } catch (error) {
        compacted = compactedBy(error);
        continue;
      }
      if (last !== null) return { revision: last.revision, entry: null, origin: originOf(last) };
      if (compacted !== null || from === 1) return compacted;
    }
  }

  async #origin(revision: Revision): Promise<Origin> {
    try {
      for await (const batch of this.#watch({ from: revision, keysOnly: true })) {
        if (batch.type === 'events') return originOf(batch);
      }
    } catch (error) {
      compactedBy(error);
    }
    return unknown;
  }

  async *#watch(
    options: WatchOptions,
  ): AsyncGenerator<EventsBatch | { readonly type: 'other'; readonly revision: Revision }, void, void> {
    const { environment } = coreOfClient(this.#client);
    const signal = this.#signal;
    const watcher = this.#client.watch(this.#key, options);
    let ended: ConclaveError | null = null;
    const end = (error: ConclaveError): void => {
      ended = error;
      void watcher.close();
    };
    const { timeoutMs = 0 } = this.#left;
    const stop = environment.timers.after(timeoutMs, () =>
      end(new ConclaveError('DEADLINE_EXCEEDED', 'history: it could not be read within its time')),
    );
    const stopListening = onAbort(signal, () => end(cancelled(signal as AbortSignal, 'history')));
    if (signal?.aborted === true) end(cancelled(signal, 'history'));
    try {
      for await (const batch of watcher)
        yield batch.type === 'events' ? batch : { type: 'other', revision: batch.revision };
      if (ended !== null) throw ended as ConclaveError;
    } finally {
      stop();
      stopListening();
      await watcher.close();
    }
  }
}

function originOf({ author, reason, wallTimeMs }: EventsBatch): Origin {
  return { author, reason, wallTimeMs };
}

/** The oldest revision that can be read. Throws what is another error. */
function compactedBy(error: unknown): Revision {
  if (!ConclaveError.is(error, 'COMPACTED')) throw error;
  const oldest = error.details['revision'];
  if (typeof oldest !== 'number') throw error;
  return oldest;
}
