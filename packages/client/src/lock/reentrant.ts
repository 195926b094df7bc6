import { bounds } from '../bounds.ts';
import { type CallOptions, waitingFor } from '../call.ts';
import type { ClientCore } from '../client-core.ts';
import type { Unsubscribe } from '../emitter.ts';
import { ConclaveError } from '../error.ts';
import { onAbort } from '../on-abort.ts';
import type { Guard, HoldEvents } from './hold.ts';
import { holdsAs } from './lock.ts';
import type { LockMode, SingleLock, UpgradeOptions } from './single-lock.ts';
import { awaken } from './waiting.ts';

type Obtain = () => Promise<SingleLock | null>;

/** One hold of an owner, and how many of its handles have not been released. */
interface Entered {
  readonly lock: SingleLock;
  count: number;
}

/** What an owner has, by lock; null: it is being asked for, and whoever else asks under the owner waits here. */
type Owned = Map<string, Entered | { readonly waiting: Set<() => void> }>;

const owners = new WeakMap<ClientCore, WeakMap<object, Owned>>();

/**
 * Locks that are held by an owner, which is any object of the application: what it holds already it is given again at once, under the same fence, and it is released
 * with the last of its handles. Counted here: for the cluster it is one hold. `name`: of the lock and the session that it is asked under.
 */
export async function enter(
  core: ClientCore,
  owner: object,
  name: string,
  mode: LockMode,
  wait: boolean,
  options: CallOptions,
  obtain: Obtain,
): Promise<SingleLock | null> {
  const owned = ownedBy(core, owner);
  const waiting = waitingFor(core, options, Number.POSITIVE_INFINITY);
  for (;;) {
    const known = owned.get(name);
    if (known === undefined) return first(owned, name, obtain);
    if ('lock' in known) {
      core.check();
      if (!known.lock.signal.aborted) return again(owned, name, known, mode);
      owned.delete(name);
    } else if (wait) {
      const ends = {
        what: `lock ${name}`,
        lost: new AbortController().signal,
        lostError: () => undefined,
        timedOut: () =>
          new ConclaveError('DEADLINE_EXCEEDED', `lock ${name}: its owner did not get it within its time`),
      };
      let wake: (() => void) | null = null;
      await awaken(core.environment, waiting, ends, (armed) => {
        if (wake !== null) known.waiting.delete(wake);
        wake = armed;
        if (wake !== null) known.waiting.add(wake);
      });
    } else return null;
  }
}

function ownedBy(core: ClientCore, owner: object): Owned {
  const ofCore = owners.get(core) ?? new WeakMap<object, Owned>();
  owners.set(core, ofCore);
  const owned: Owned = ofCore.get(owner) ?? new Map();
  ofCore.set(owner, owned);
  return owned;
}

async function first(owned: Owned, name: string, obtain: Obtain): Promise<SingleLock | null> {
  const asking = { waiting: new Set<() => void>() };
  owned.set(name, asking);
  let entered: Entered | null = null;
  try {
    const lock = await obtain();
    if (lock !== null) entered = { lock, count: 1 };
  } finally {
    if (entered === null) owned.delete(name);
    else owned.set(name, entered);
    for (const wake of asking.waiting) wake();
  }
  return entered && new Handle(owned, name, entered);
}

function again(owned: Owned, name: string, entered: Entered, mode: LockMode): SingleLock {
  const { lock } = entered;
  if (mode === 'exclusive' && lock.mode === 'shared') {
    throw new ConclaveError(
      'INVALID_ARGUMENT',
      `mode: the owner shares ${lock.name}, and upgrades it to have it alone`,
    );
  }
  if (entered.count >= bounds.maxReentries) {
    const message = `the owner has entered ${lock.name} ${entered.count} times, the limit is ${bounds.maxReentries}`;
    throw new ConclaveError('LIMIT_EXCEEDED', message, { details: { limit: bounds.maxReentries } });
  }
  entered.count++;
  return new Handle(owned, name, entered);
}

class Handle implements SingleLock {
  readonly #owned: Owned;
  readonly #key: string;
  readonly #entered: Entered;
  readonly #lock: SingleLock;
  readonly #controller = new AbortController();
  readonly #stopFollowing: () => void;
  #released: Promise<void> | null = null;

  constructor(owned: Owned, key: string, entered: Entered) {
    this.#owned = owned;
    this.#key = key;
    this.#entered = entered;
    this.#lock = entered.lock;
    holdsAs(this, entered.lock);
    this.#stopFollowing = onAbort(this.#lock.signal, () => this.#controller.abort(this.#lock.signal.reason));
  }

  get name(): string {
    return this.#lock.name;
  }

  get fence(): number {
    return this.#lock.fence;
  }

  get mode(): LockMode {
    return this.#lock.mode;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get isContended(): boolean {
    return this.#lock.isContended;
  }

  remainingMs(): number {
    return this.signal.aborted ? 0 : this.#lock.remainingMs();
  }

  assertHeld(): void {
    if (this.signal.aborted) throw this.signal.reason;
    this.#lock.assertHeld();
  }

  guard(): Guard {
    this.assertHeld();
    return this.#lock.guard();
  }

  on<E extends keyof HoldEvents>(event: E, listener: (...values: HoldEvents[E]) => void): Unsubscribe {
    return this.#lock.on(event, listener);
  }

  async upgrade(options?: UpgradeOptions): Promise<void> {
    this.assertHeld();
    await this.#lock.upgrade(options);
  }

  async tryUpgrade(options?: CallOptions): Promise<boolean> {
    this.assertHeld();
    return this.#lock.tryUpgrade(options);
  }

  async downgrade(options?: CallOptions): Promise<void> {
    this.assertHeld();
    if (this.#entered.count > 1) {
      throw new ConclaveError(
        'INVALID_ARGUMENT',
        `${this.name}: its owner has entered it more than once, and may rely on having it alone`,
      );
    }
    await this.#lock.downgrade(options);
  }

  async release(options?: { readonly timeoutMs?: number }): Promise<void> {
    this.#released ??= this.#leave(options);
    await this.#released;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  async #leave(options?: { readonly timeoutMs?: number }): Promise<void> {
    const { fence, name } = this;
    this.#stopFollowing();
    this.#controller.abort(
      new ConclaveError('LOCK_LOST', `lock under fence ${fence}: it was released`, { details: { fence, name } }),
    );
    this.#entered.count--;
    if (this.#entered.count > 0) return;
    if (this.#owned.get(this.#key) === this.#entered) this.#owned.delete(this.#key);
    await this.#lock.release(options);
  }
}
