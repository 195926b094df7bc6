// Contenders for one lock, and the resource that its fences protect.
import { type Client, ConclaveError, connect, type Session } from '@conclave/client';
import type { HistoryRecorder } from '../history/recorder.ts';
import { isNotApplied } from './recorded-keys.ts';

const ttlMs = 10_000;
const usesOfAHold = 3;

/** Accepts no fence smaller than one that it has accepted. */
class FencedResource {
  #largest = 0;
  #seq = 0;

  use(token: number): { readonly accepted: boolean; readonly seq: number } {
    const accepted = token >= this.#largest;
    if (accepted) this.#largest = token;
    return { accepted, seq: ++this.#seq };
  }
}

export class LockContender {
  static readonly #resources = new WeakMap<HistoryRecorder, FencedResource>();
  readonly #client: Client;
  readonly #recorder: HistoryRecorder;
  readonly #name: string;
  readonly #resource: FencedResource;
  #sessions = 0;
  #holds = 0;

  private constructor(client: Client, recorder: HistoryRecorder, name: string) {
    this.#client = client;
    this.#recorder = recorder;
    this.#name = name;
    const resource = LockContender.#resources.get(recorder) ?? new FencedResource();
    LockContender.#resources.set(recorder, resource);
    this.#resource = resource;
  }

  static async connect(recorder: HistoryRecorder, name: string, endpoints: readonly string[]): Promise<LockContender> {
    return new LockContender(await connect({ endpoints }), recorder, name);
  }

  /** Times that it held the lock. */
  get holds(): number {
    return this.#holds;
  }

  async run(stopping: AbortSignal): Promise<void> {
    while (!stopping.aborted) {
      const owner = `${this.#name}/${++this.#sessions}`;
      try {
        await using session = await this.#client.session({ ttlMs, timeoutMs: 60_000 });
        while (!stopping.aborted && !session.signal.aborted) await this.#hold(owner, session, stopping);
      } catch (error) {
        if (!ConclaveError.is(error)) throw error;
      }
    }
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  async #hold(owner: string, session: Session, stopping: AbortSignal): Promise<void> {
    const key = 'lock';
    const acquire = this.#recorder.begin(this.#name, 'acquire', key, { owner, ttl_ns: ttlMs * 1e6 });
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
      this.#recorder.append({ op: 'lost', client: this.#name, key, in: { owner, token }, call_ns });
      this.#recorder.append({ op: 'lapse', key, in: { owner, token }, call_ns, status: 'unknown' });
    });
    for (let use = 0; use < usesOfAHold; use++) {
      this.#recorder.begin(this.#name, 'use', 'resource', { owner, token }).ok(this.#resource.use(token));
      // Something of the cluster between two uses, so that a hold lasts for a while.
      await this.#client.get('k/0', { consistency: 'local' }).catch(isNotApplied);
    }
    if (lock.signal.aborted) return;
    isOver = true;
    const release = this.#recorder.begin(this.#name, 'release', key, { owner, token });
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
