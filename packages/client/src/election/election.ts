import { electionKey, type Fence, type LockName } from '@conclave/protocol';
import { bounds } from '../bounds.ts';
import type { CallOptions, WriteOptions } from '../call.ts';
import type { ClientCore } from '../client-core.ts';
import { ConclaveError } from '../error.ts';
import { type Entry, entryOrNull } from '../keys/entry.ts';
import { KeySpace } from '../keys/key-space.ts';
import { type ReadOptions, rangeOperation } from '../keys/read.ts';
import type { Hold } from '../lock/hold.ts';
import { type Held, HeldHandle } from '../lock/lock.ts';
import { type HoldOptions, obtain } from '../lock/locks.ts';
import { toBytes, toText } from '../text.ts';
import { openWatch } from '../watch/watcher.ts';

/** One term: from its grant until it is resigned or lost. */
export interface Leadership extends Held {
  /** Publishes another value. Throws LOCK_LOST when this term is over. */
  proclaim(value: string | Uint8Array, options?: WriteOptions): Promise<void>;
  /** The next candidate leads. */
  resign(options?: { readonly timeoutMs?: number }): Promise<void>;
  /**
   * Another candidate leads, before its turn; the signal of this one aborts first. Rejects with NOT_FOUND when it is not among the `candidates` of this
   * election: then this one goes on to lead, unless the candidate left at that very moment, and the next in turn leads.
   */
  handOver(to: Candidate, options?: CallOptions): Promise<void>;
}

export interface LeaderInfo {
  /** What it published. */
  readonly value: Uint8Array;
  text(): string;
  /** Of its term: grows from leader to leader. */
  readonly fence: Fence;
  /** Its session. */
  readonly session: number | null;
  /** True: the observer was away for longer than history lasts; terms before this one may have passed unseen. */
  readonly gap: boolean;
}

/** Who stands for an election and does not lead yet. */
export interface Candidate {
  readonly session: number;
  /** Of its campaign, in its session. */
  readonly sequence: number;
}

export interface ObserveOptions {
  readonly signal?: AbortSignal;
}

/** One leader at a time, chosen in the order of the candidates. */
export interface Election {
  readonly name: string;
  /** Resolves when this candidate leads. Without `timeoutMs` it waits for ever. */
  campaign(value: string | Uint8Array, options?: HoldOptions): Promise<Leadership>;
  /** Null: nobody leads. */
  leader(options?: ReadOptions): Promise<LeaderInfo | null>;
  /** Those who stand and do not lead, in the order of their turns; the first thousand. */
  candidates(options?: CallOptions): Promise<readonly Candidate[]>;
  /** The present leader first (null: there is none), then every change. */
  observe(options?: ObserveOptions): AsyncIterable<LeaderInfo | null>;
}

/** Election keys are reserved: they are named whole, in no name space. */
const everything = new KeySpace();

export class ElectionHandle implements Election {
  readonly name: string;
  readonly #core: ClientCore;
  readonly #lock: LockName;
  readonly #key: Uint8Array;

  constructor(core: ClientCore, name: Uint8Array) {
    this.#core = core;
    this.name = toText(name);
    this.#lock = { kind: 'election', name };
    this.#key = electionKey(name);
  }

  async campaign(value: string | Uint8Array, options: HoldOptions = {}): Promise<Leadership> {
    const what = `election ${this.name}`;
    const claims = [{ mode: 'exclusive', name: this.#lock }] as const;
    const request = { what, claims, wait: true, value: toBytes(value) };
    const hold = await obtain(this.#core, request, options);
    if (hold === null) throw new ConclaveError('PROTOCOL', 'a waiting candidate was refused');
    return new LeadershipHandle(this.#core, hold, this.name);
  }

  async leader(options: ReadOptions = {}): Promise<LeaderInfo | null> {
    const operation = rangeOperation({ key: this.#key, end: null }, { revision: options.revision ?? null });
    const { result } = await this.#core.query(`election ${this.name}`, operation, options);
    return leaderOf(entryOrNull(result.entries[0], everything), false);
  }

  async candidates(options: CallOptions = {}): Promise<readonly Candidate[]> {
    const { result } = await this.#core.query(`election ${this.name}`, { type: 'lock', name: this.#lock }, options);
    return result.lock.queue.map(({ sequence, session }) => ({ session, sequence }));
  }

  async *observe({ signal }: ObserveOptions = {}): AsyncGenerator<LeaderInfo | null, void, void> {
    const limits = signal === undefined ? {} : { signal };
    const watcher = openWatch(this.#core, everything, this.#key, {
      initial: 'snapshot',
      onCompacted: 'resync',
      progressMs: bounds.watchProgressMs,
      ...limits,
    });
    try {
      for await (const batch of watcher) {
        if (batch.type === 'snapshot') yield leaderOf(batch.entries[0] ?? null, batch.reason !== 'initial');
        if (batch.type !== 'events') continue;
        for (const event of batch.events) yield event.type === 'put' ? leaderOf(event.entry, false) : null;
      }
    } finally {
      await watcher.close();
    }
  }
}

/** A leader's first value begins the key anew, so its create revision is the fence for as long as it leads. */
function leaderOf(entry: Entry | null, gap: boolean): LeaderInfo | null {
  if (entry === null) return null;
  const { createRevision, lease, value } = entry;
  return { value, text: () => toText(value), fence: createRevision, session: lease, gap };
}

class LeadershipHandle extends HeldHandle implements Leadership {
  readonly #core: ClientCore;

  constructor(core: ClientCore, hold: Hold, name: string) {
    super(core.environment, hold, name, () => core.check());
    this.#core = core;
  }

  async proclaim(value: string | Uint8Array, options: WriteOptions = {}): Promise<void> {
    this.assertHeld();
    const { core, fence, name } = this.hold;
    const operation = { type: 'proclaim', name, fence, value: toBytes(value) } as const;
    const { written } = await this.#core.mutate(`election ${this.name}`, operation, options, core);
    if (written) return;
    this.hold.end('another one leads', undefined);
    throw this.signal.reason;
  }

  async resign(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    await this.release(options);
  }

  async handOver({ sequence, session }: Candidate, options: CallOptions = {}): Promise<void> {
    this.assertHeld();
    // Of this election, and not only somewhere in a queue: from the release on there is no way back.
    const operation = { type: 'lock', name: this.hold.name } as const;
    const { result } = await this.#core.query(`election ${this.name}`, operation, options);
    this.assertHeld();
    const stands = result.lock.queue.some((waiter) => waiter.session === session && waiter.sequence === sequence);
    const isLate = stands && (await this.giveBack({ session, sequence })) === 'kept';
    if (stands && !isLate) return;
    const what = isLate ? 'it does not stand any more, and the next in turn leads' : 'it does not stand';
    throw new ConclaveError('NOT_FOUND', `election ${this.name}: candidate ${session}:${sequence}: ${what}`);
  }
}
