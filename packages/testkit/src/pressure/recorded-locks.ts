// Contenders for one lock, and the resource that its fences protect.
import { setTimeout as pause } from 'node:timers/promises';
import { type Client, ConclaveError, connect, type Session } from '@conclave/client';
import type { HistoryRecorder } from '../history/recorder.ts';
import { isNotApplied } from './recorded-keys.ts';

const usesOfAHold = 3;

export interface ContenderOptions {
  readonly endpoints: readonly string[];
  readonly name: string;
  /** 'lock' if absent. */
  readonly lock?: string;
  /** Of its sessions: 10 s if absent. */
  readonly ttlMs?: number;
  /** Behind each hold. None if absent. */
  readonly pauseMs?: number;
}

/** Accepts no fence smaller than one that it has accepted. */
export class FencedResource {
  #largest = 0;
  #seq = 0;

  use(token: number): { readonly accepted: boolean; readonly seq: number } {
    const accepted = token >= this.#largest;
    if (accepted) this.#largest = token;
    return { accepted, seq: ++this.#seq };
  }
}

export class LockContender {
  static readonly #resources = new WeakMap<HistoryRecorder, Map<string, FencedResource>>();
  readonly #client: Client;
  readonly #recorder: HistoryRecorder;
  readonly name: string;
  readonly #lock: string;
  readonly #ttlMs: number;
  readonly #pauseMs: number;
  readonly #resource: FencedResource;
  #sessions = 0;
  #holds = 0;

  private constructor(client: Client, recorder: HistoryRecorder, options: ContenderOptions) {
    const { lock = 'lock', name, pauseMs = 0, ttlMs = 10_000 } = options;
    this.#client = client;
    this.#recorder = recorder;
    this.name = name;
    this.#lock = lock;
    this.#ttlMs = ttlMs;
    this.#pauseMs = pauseMs;
    const resources = LockContender.#resources.get(recorder) ?? new Map<string, FencedResource>();
    LockContender.#resources.set(recorder, resources);
    this.#resource = resources.get(lock) ?? new FencedResource();
    resources.set(lock, this.#resource);
  }

  static async connect(recorder: HistoryRecorder, options: ContenderOptions): Promise<LockContender> {
    return new LockContender(await connect({ endpoints: options.endpoints }), recorder, options);
  }

  /** Times that it held the lock. */
  get holds(): number {
    return this.#holds;
  }

  async run(stopping: AbortSignal): Promise<void> {
    while (!stopping.aborted) {
      const owner = `${this.name}/${++this.#sessions}`;
      try {
        await using session = await this.#client.session({ ttlMs: this.#ttlMs, timeoutMs: 60_000 });
        while (!stopping.aborted && !session.signal.aborted) {
          await this.#hold(owner, session, stopping);
          if (this.#pauseMs > 0) await pause(this.#pauseMs * 2 * Math.random());
        }
      } catch (error) {
        if (!ConclaveError.is(error)) throw error;
      }
    }
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  async #hold(owner: string, session: Session, stopping: AbortSignal): Promise<void> {
    const key = this.#lock;
    const acquire = this.#recorder.begin(this.name, 'acquire', key, { owner, ttl_ns: this.#ttlMs * 1e6 });
    const lock = await this.#client.lock(key, { session, signal: stopping }).catch((error: unknown) => {
      if (isNotApplied(error)) acquire.fail(String(error));
      else acquire.unknown(String(error));
      return null;
    });
    if (lock === null) return;
    const token = lock.fence;
    acquire.ok({ token });
    this.#holds++;
    let isOver = false;
    lock.signal.addEventListener('abort', () => {
      if (isOver) return;
      const call_ns = this.#recorder.nowNs();
      this.#recorder.append({ op: 'lost', client: this.name, key, in: { owner, token }, call_ns });
      this.#recorder.append({ op: 'lapse', key, in: { owner, token }, call_ns, status: 'unknown' });
    });
    for (let use = 0; use < usesOfAHold; use++) {
      this.#recorder.begin(this.name, 'use', `${key}'s resource`, { owner, token }).ok(this.#resource.use(token));
      // Something of the cluster between two uses, so that a hold lasts for a while.
      await this.#client.get('k/0', { consistency: 'local' }).catch(isNotApplied);
    }
    if (lock.signal.aborted) return;
    isOver = true;
    const release = this.#recorder.begin(this.name, 'release', key, { owner, token });
    try {
      await lock.release({ timeoutMs: 60_000 });
      // The session's end releases, too; only while it lives is the answer the cluster's own.
      if (session.state === 'active' || session.state === 'jeopardy') release.ok({ released: true });
      else release.unknown(`its session is ${session.state}`);
    } catch (error) {
      release.unknown(String(error));
    }
  }
}
