// What is kept of an answered command, so that the same command coming again gets the same answer and has no effect.
import type { ErrorCode, Fence, LeaseId, Outcome, Result, Revision } from '@conclave/protocol';

export type Answer =
  /** Small: kept as it is. After a load `bytes` stands in its place. */
  | { readonly form: 'result'; readonly result: Result }
  | { readonly form: 'bytes'; readonly bytes: Uint8Array }
  /** Without the words: they change from release to release, and this is state that members must have in common. */
  | { readonly form: 'error'; readonly code: ErrorCode; readonly outcome: Outcome; readonly limit: number | null }
  /** Too large to keep: it was applied, at this revision. */
  | { readonly form: 'forgotten'; readonly revision: Revision }
  /** An acquire that waits or holds: the answer is the present state of its request. */
  | { readonly form: 'request' }
  | { readonly form: 'refused' }
  | { readonly form: 'cancelled' }
  | { readonly form: 'released'; readonly fence: Fence };

/** The answer to one sequence of one session. */
export class Remembered {
  readonly table = 'response';
  readonly session: LeaseId;
  readonly sequence: number;
  answer: Answer;
  /** Counted against `maxRememberedBytesPerSession`. */
  readonly bytes: number;

  high = 0;
  low = 0;
  stored = false;

  constructor(session: LeaseId, sequence: number, answer: Answer, bytes: number) {
    this.session = session;
    this.sequence = sequence;
    this.answer = answer;
    this.bytes = bytes;
  }
}

/** The answer to a command that carried an idempotency key instead of a session. */
export class Keyed {
  readonly table = 'idempotency';
  /** The key, latin1. */
  readonly key: string;
  /** Log index of the command: the order in which keys expire. */
  readonly order: number;
  readonly expiresAtMs: number;
  readonly answer: Answer;

  high = 0;
  low = 0;
  stored = false;

  constructor(key: string, order: number, expiresAtMs: number, answer: Answer) {
    this.key = key;
    this.order = order;
    this.expiresAtMs = expiresAtMs;
    this.answer = answer;
  }
}
