// One client that writes and reads keys at random, and writes down every call exactly as the SDK answered it.
import { setTimeout as pause } from 'node:timers/promises';
import { type Client, ConclaveError, connect } from '@conclave/client';
import type { HistoryRecorder, RecordedClient } from '../history/recorder.ts';

export const keyPrefix = 'k/';
export const watchedKeys: readonly string[] = Array.from({ length: 8 }, (_, at) => `${keyPrefix}${at}`);

export interface KeyClientOptions {
  /** The client begins at the first of them. */
  readonly endpoints: readonly string[];
  readonly name: string;
  /** Of one call. Short: outcomes stay unknown. Long: every write is sent until it is answered. */
  readonly timeoutMs: number;
  readonly identity: 'session' | 'idempotency-key';
  /** From which it chooses, asked before each call. `watchedKeys` if absent. */
  readonly keys?: () => readonly string[];
  /** Between two calls, for a run so long that its history must be thinner. None if absent. */
  readonly pauseMs?: number;
}

/** The SDK says what is certain: `not-applied` had no effect and never will. */
export function isNotApplied(error: unknown): boolean {
  if (!ConclaveError.is(error)) throw error;
  return error.outcome === 'not-applied';
}

export class KeyClient {
  readonly #client: Client;
  readonly #recorded: RecordedClient;
  readonly #options: KeyClientOptions;
  #written = 0;
  #acknowledged = 0;
  #putsEnded = 0;

  private constructor(client: Client, recorder: HistoryRecorder, options: KeyClientOptions) {
    this.#client = client;
    this.#recorded = recorder.client(options.name);
    this.#options = options;
  }

  static async connect(recorder: HistoryRecorder, options: KeyClientOptions): Promise<KeyClient> {
    const { endpoints, identity } = options;
    return new KeyClient(await connect({ endpoints, identity }), recorder, options);
  }

  get name(): string {
    return this.#options.name;
  }

  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Puts that were acknowledged, were refused, or were given up. */
  get putsEnded(): number {
    return this.#putsEnded;
  }

  /** One call after the other until `stopping`. Errors of the cluster are part of the history, not failures. */
  async run(stopping: AbortSignal): Promise<void> {
    const { pauseMs = 0 } = this.#options;
    while (!stopping.aborted) {
      await this.#step().catch(isNotApplied);
      if (pauseMs > 0) await pause(pauseMs * 2 * Math.random());
    }
  }

  /** A write beside `run`; its revision is behind everything that was acknowledged before. */
  async mark(key: string, timeoutMs: number): Promise<number> {
    const { rev } = await this.#put(key, timeoutMs);
    if (rev === undefined) throw new Error('a put without a revision');
    return rev;
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  async #step(): Promise<void> {
    const keys = this.#options.keys?.() ?? watchedKeys;
    const key = keys[Math.floor(Math.random() * keys.length)] ?? keyPrefix;
    const dice = Math.random();
    if (dice < 0.4) await this.#get(key);
    else if (dice < 0.75) await this.#put(key, this.#options.timeoutMs);
    else if (dice < 0.93) await this.#swap(key);
    else await this.#delete(key);
  }

  async #get(key: string): Promise<void> {
    const { timeoutMs } = this.#options;
    const read = async (): Promise<{ value: string | null; rev: number }> => {
      const { entry, revision } = await this.#client.read(key, { timeoutMs });
      return { value: entry?.text() ?? null, rev: revision };
    };
    await this.#recorded.record('get', key, {}, read, isNotApplied);
  }

  async #put(key: string, timeoutMs: number): Promise<{ readonly rev?: number }> {
    const value = this.#unique();
    const put = async (): Promise<{ rev: number }> => {
      const { revision } = await this.#client.put(key, value, { timeoutMs });
      return { rev: revision };
    };
    try {
      const out = await this.#recorded.record('put', key, { value }, put, isNotApplied);
      this.#acknowledged++;
      return out;
    } finally {
      this.#putsEnded++;
    }
  }

  /** Against the value that it last saw there, by a transaction. */
  async #swap(key: string): Promise<void> {
    const { timeoutMs } = this.#options;
    const seen = await this.#client.get(key, { consistency: 'local', timeoutMs });
    const expect = seen?.text() ?? null;
    const value = this.#unique();
    const swap = async (): Promise<{ swapped: boolean; rev: number; value: string | null }> => {
      const compare =
        expect === null
          ? ({ key, target: 'version', op: '=', value: 0 } as const)
          : ({ key, target: 'value', op: '=', value: expect } as const);
      const done = await this.#client.txn(
        { if: [compare], then: [{ put: key, value }], else: [{ get: key }] },
        { timeoutMs },
      );
      if (done.ok) return { swapped: true, rev: done.revision, value };
      return { swapped: false, rev: done.revision, value: done.results[0]?.text() ?? null };
    };
    const { swapped } = await this.#recorded.record('cas', key, { expect, value }, swap, isNotApplied);
    if (swapped) this.#acknowledged++;
  }

  async #delete(key: string): Promise<void> {
    const { timeoutMs } = this.#options;
    const remove = async (): Promise<{ existed: boolean; rev: number }> => {
      const { deleted, revision } = await this.#client.delete(key, { timeoutMs });
      return { existed: deleted > 0, rev: revision };
    };
    await this.#recorded.record('delete', key, {}, remove, isNotApplied);
  }

  #unique(): string {
    return `${this.#options.name} ${++this.#written}`;
  }
}
