import { type CallOptions, waitingFor } from '../call.ts';
import type { ClientCore } from '../client-core.ts';
import { ConclaveError } from '../error.ts';
import { Conversion } from './conversion.ts';
import type { Hold } from './hold.ts';
import { type Held, HeldHandle, keptBy, type Lock } from './lock.ts';

export type LockMode = 'exclusive' | 'shared';

export interface UpgradeOptions extends CallOptions {
  /** As for `lock`: what else of this session the caller keeps while it waits. The lock itself is kept in any case. */
  readonly keeping?: readonly Held[];
}

/** A hold of one lock, alone or with others. */
export interface SingleLock extends Lock {
  /** As it was granted last. */
  readonly mode: LockMode;
  /**
   * From sharing it to having it alone, without giving it back between. Waits until nobody else shares it, before everybody who waits for the lock, and nobody new comes
   * in meanwhile. `fence` is another one then. Without `timeoutMs` it waits for ever; given up, it is shared as before. Throws DEADLOCK when another one waits so, since each would
   * wait for the other: one of them must release.
   */
  upgrade(options?: UpgradeOptions): Promise<void>;
  /** False: others share it. */
  tryUpgrade(options?: CallOptions): Promise<boolean>;
  /** To sharing it, and whoever is first in the queue and shares comes in. `fence` is another one then. */
  downgrade(options?: CallOptions): Promise<void>;
}

export class SingleLockHandle extends HeldHandle implements SingleLock {
  readonly #core: ClientCore;
  #mode: LockMode;

  constructor(core: ClientCore, hold: Hold, name: string, mode: LockMode) {
    super(core.environment, hold, name, () => core.check());
    this.#core = core;
    this.#mode = mode;
  }

  get mode(): LockMode {
    return this.#mode;
  }

  async upgrade({ keeping = [], ...options }: UpgradeOptions = {}): Promise<void> {
    await this.#convert('exclusive', true, keptBy(this.hold.core, keeping), options, Number.POSITIVE_INFINITY);
  }

  async tryUpgrade(options: CallOptions = {}): Promise<boolean> {
    return this.#convert('exclusive', false, [], options);
  }

  async downgrade(options: CallOptions = {}): Promise<void> {
    await this.#convert('shared', false, [], options);
  }

  async #convert(
    mode: LockMode,
    wait: boolean,
    keeping: readonly number[],
    options: CallOptions,
    otherwiseMs?: number,
  ): Promise<boolean> {
    this.assertHeld();
    const { environment, exchange } = this.#core;
    if (keeping.includes(this.hold.sequence)) {
      throw new ConclaveError('INVALID_ARGUMENT', `keeping: ${this.name} itself is kept in any case`);
    }
    const waiting = waitingFor(this.#core, options, otherwiseMs);
    const conversion = new Conversion(environment, exchange, this.hold, `${mode} lock ${this.name}`, waiting);
    const isMade = await conversion.run(mode, wait, keeping);
    if (isMade) this.#mode = mode;
    return isMade;
  }
}
