import { type ErrorBody, type ErrorCode, errorCodes, type Outcome, ProtocolError } from '@conclave/protocol';

/** Codes that only this side knows; the others are those of docs/errors.md. */
const ownCodes = {
  /** The hold or leadership has ended: released, expired, or broken by an operator. */
  LOCK_LOST: { retryable: false },
  /** The caller's signal aborted. `cause` is its reason. */
  CANCELLED: { retryable: false },
  /** The client was closed. */
  CLIENT_CLOSED: { retryable: false },
} as const;

export type ConclaveErrorCode = ErrorCode | keyof typeof ownCodes;

export interface ConclaveErrorOptions {
  readonly outcome?: Outcome;
  readonly details?: Readonly<Record<string, number | string>>;
  readonly cause?: unknown;
}

/** Two copies of this package in one program know each other's errors by it. */
const brand: symbol = Symbol.for('conclave.error');

/**
 * The one error of this package. `outcome`: `not-applied` when the call has certainly changed nothing; `unknown` when it may have.
 * `retryable`: the same call may succeed later as it is.
 */
export class ConclaveError extends Error {
  override readonly name = 'ConclaveError';
  readonly code: ConclaveErrorCode;
  readonly retryable: boolean;
  readonly outcome: Outcome;
  /** For programs: `limit`, `revision`, `oldest`; of a session that the cluster ended, `cause`. */
  readonly details: Readonly<Record<string, number | string>>;

  constructor(code: ConclaveErrorCode, message: string, options: ConclaveErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.outcome = options.outcome ?? 'not-applied';
    this.retryable = isRetryable(code) && this.outcome === 'not-applied';
    this.details = options.details ?? {};
    Object.defineProperty(this, brand, { value: true });
  }

  /** Also true of errors of another copy of this package. */
  static is(error: unknown, code?: ConclaveErrorCode): error is ConclaveError {
    if (typeof error !== 'object' || error === null || !(brand in error)) return false;
    return code === undefined || ('code' in error && error.code === code);
  }
}

function isRetryable(code: ConclaveErrorCode): boolean {
  return code in ownCodes ? false : errorCodes[code as ErrorCode].retryable;
}

export function fromBody(body: ErrorBody, outcome: Outcome = body.outcome): ConclaveError {
  return new ConclaveError(body.code, body.message, { outcome, details: body.details });
}

/** What the codec says of an argument is told to the caller; everything else passes as it is. */
export function asConclaveError(error: unknown): unknown {
  if (!(error instanceof ProtocolError)) return error;
  return new ConclaveError(error.code, error.message, { outcome: error.outcome, details: error.details, cause: error });
}

/** The caller's time is over. `why`: what stood in the way to the end. A low disk is told as such: waiting longer is no help, a person is. */
export function outOfTime(message: string, why: ConclaveError | null, outcome: Outcome = 'not-applied'): ConclaveError {
  const code = why?.code === 'NO_SPACE' && outcome === 'not-applied' ? why.code : 'DEADLINE_EXCEEDED';
  const told = why === null ? message : `${message} (${why.message})`;
  return new ConclaveError(code, told, { outcome, cause: why ?? undefined });
}

export function cancelled(signal: AbortSignal, what: string, outcome: Outcome = 'not-applied'): ConclaveError {
  return new ConclaveError('CANCELLED', `${what}: the caller's signal aborted`, { outcome, cause: signal.reason });
}

export function clientClosed(outcome: Outcome = 'not-applied'): ConclaveError {
  return new ConclaveError('CLIENT_CLOSED', 'the client is closed', { outcome });
}
