import type { CallOptions, Client, ConclaveErrorCode } from '@conclave/client';
import { ConclaveError } from '@conclave/client/internal';
import type { Random } from '../random.ts';
import { Violation } from '../violation.ts';
import type { ClientProcess } from './client-process.ts';
import type { Answer, Call, MemberObserver } from './observer.ts';

export interface CallCounts {
  calls: number;
  answered: number;
  /** Errors that say: unknown, and: it had no effect. */
  unknown: number;
  refused: number;
}

type Wanted = Pick<Call, 'action' | 'value'> & Partial<Pick<Call, 'consistency'>>;

/** Of calls whose application does not wait for ever: by a timeout, or a signal. */
const timeoutShare = 0.2;
const maxTimeoutMs = 3_000;
const abortShare = 0.05;
const maxAbortMs = 300;

/** What may be said to applications that make no mistakes, while members come and go. */
const expected: ReadonlySet<ConclaveErrorCode> = new Set<ConclaveErrorCode>([
  'CANCELLED',
  'CLIENT_CLOSED',
  'COMPACTED',
  'DEADLINE_EXCEEDED',
  'LOCK_LOST',
  'OUTCOME_UNKNOWN',
  'RESPONSE_FORGOTTEN',
  'SESSION_EXPIRED',
]);

/** The error as one that the cluster's troubles explain, or what the caller did (`also`); anything else is a defect. */
export function expectedError(error: unknown, name: string, also: readonly ConclaveErrorCode[] = []): ConclaveError {
  if (ConclaveError.is(error) && (expected.has(error.code) || also.includes(error.code))) return error;
  throw new Violation('no defect', `${name} was told ${error instanceof Error ? error.stack : String(error)}`);
}

/** Calls of applications, from when they are made to when their fate is known, shown to all invariants. */
export class Calls {
  readonly counts: CallCounts = { calls: 0, answered: 0, unknown: 0, refused: 0 };
  readonly #observers: readonly MemberObserver[];
  readonly #random: Random;
  /** Largest revision that an acknowledgement has told anybody of. */
  #floor = 0;

  readonly #index: () => number;

  /** `index`: of the last entry that was applied anywhere. */
  constructor(observers: readonly MemberObserver[], random: Random, index: () => number) {
    this.#observers = observers;
    this.#index = index;
    this.#random = random;
  }

  /** A value that no other call writes. */
  get nextValue(): string {
    return `v${this.counts.calls + 1}`;
  }

  /** Null: it failed, as calls may. */
  async make(
    client: ClientProcess,
    { action, consistency = 'linearizable', value }: Wanted,
    ask: (sdk: Client, options: CallOptions) => Promise<Answer>,
    options: CallOptions = this.#impatience(client),
  ): Promise<Answer | null> {
    const id = ++this.counts.calls;
    const index = this.#index();
    const call: Call = { id, client, action, consistency, value, index, floor: this.#floor, seen: client.seen };
    client.pending++;
    try {
      const answer = await ask(await client.client(), options);
      this.counts.answered++;
      for (const observer of this.#observers) observer.answered?.(call, answer);
      if (answer.revision !== null) {
        client.seen = Math.max(client.seen, answer.revision);
        if (consistency === 'linearizable') this.#floor = Math.max(this.#floor, answer.revision);
      }
      return answer;
    } catch (error) {
      if (error instanceof Violation) throw error;
      this.#failed(call, expectedError(error, `${client.name}, ${describe(call)},`));
      return null;
    } finally {
      client.pending--;
    }
  }

  #failed(call: Call, { outcome }: ConclaveError): void {
    if (outcome === 'unknown') {
      this.counts.unknown++;
      return;
    }
    this.counts.refused++;
    for (const observer of this.#observers) observer.refused?.(call);
  }

  #impatience({ process }: ClientProcess): CallOptions {
    const random = this.#random;
    const timeout = random.chance(timeoutShare) ? { timeoutMs: random.between(0, maxTimeoutMs) } : {};
    if (!random.chance(abortShare)) return timeout;
    const controller = new AbortController();
    process.after(random.between(0, maxAbortMs), () => controller.abort());
    return { ...timeout, signal: controller.signal };
  }
}

export function describe({ action, client, consistency, id }: Call): string {
  return `call ${id} of ${client.name}, a ${consistency} ${action.type}`;
}

/** Whether a value in the history was written by a call. */
export function isOfCall(value: string): boolean {
  return value.startsWith('v');
}
