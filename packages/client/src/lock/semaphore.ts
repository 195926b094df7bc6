import type { ClientCore } from '../client-core.ts';
import { ConclaveError } from '../error.ts';
import { toText } from '../text.ts';
import { HeldHandle, type Lock } from './lock.ts';
import { type HoldOptions, obtain } from './locks.ts';

export interface SemaphoreOptions {
  /** How many there are. The same for all who use it at one time; another number is refused with INVALID_ARGUMENT. */
  readonly permits: number;
}

export interface PermitOptions extends HoldOptions {
  /** So many at once; 1 without a word. */
  readonly count?: number;
}

/** So many may hold it together. First come, first served: a request for many is not overtaken by requests for few. */
export interface Semaphore {
  readonly name: string;
  readonly permits: number;
  /** Waits its turn. Without `timeoutMs` for ever. */
  acquire(options?: PermitOptions): Promise<Lock>;
  /** Null: not so many are free, or others wait. */
  tryAcquire(options?: PermitOptions): Promise<Lock | null>;
}

export class SemaphoreHandle implements Semaphore {
  readonly name: string;
  readonly permits: number;
  readonly #core: ClientCore;
  readonly #name: Uint8Array;

  constructor(core: ClientCore, name: Uint8Array, { permits }: SemaphoreOptions) {
    this.#core = core;
    this.#name = name;
    this.name = toText(name);
    this.permits = permits;
  }

  async acquire(options: PermitOptions = {}): Promise<Lock> {
    const permit = await this.#obtain(true, options);
    if (permit === null) throw new ConclaveError('PROTOCOL', 'a waiting acquire was refused');
    return permit;
  }

  async tryAcquire(options: PermitOptions = {}): Promise<Lock | null> {
    return this.#obtain(false, options);
  }

  async #obtain(wait: boolean, options: PermitOptions): Promise<Lock | null> {
    const name = { kind: 'semaphore', name: this.#name } as const;
    const claim = { mode: 'permits', name, limit: this.permits, count: options.count ?? 1 } as const;
    const what = `semaphore ${this.name}`;
    const hold = await obtain(this.#core, { what, claims: [claim], wait, value: null }, options);
    return hold === null ? null : new HeldHandle(this.#core.environment, hold, this.name, () => this.#core.check());
  }
}
