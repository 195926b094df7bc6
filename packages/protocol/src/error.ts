// Everything that can go wrong, by a code that programs can rely on; messages are for people and change.

/** Did the mutation take effect? Only `not-applied` may be tried again under a new identity. */
export type Outcome = 'not-applied' | 'unknown';

/**
 * `number`: on the wire, never given again to another code. `retryable`: the same request may be sent again as it is. What they mean stands in
 * error-meaning.ts, which a browser need not load.
 */
export const errorCodes = {
  INVALID_ARGUMENT: { number: 1, retryable: false },
  TOO_LARGE: { number: 2, retryable: false },
  NOT_FOUND: { number: 3, retryable: false },
  COMPACTED: { number: 4, retryable: false },
  FUTURE_REVISION: { number: 5, retryable: false },
  SESSION_EXPIRED: { number: 6, retryable: false },
  STALE_SEQUENCE: { number: 7, retryable: false },
  RESPONSE_FORGOTTEN: { number: 8, retryable: false },
  LIMIT_EXCEEDED: { number: 9, retryable: false },
  NOT_LEADER: { number: 10, retryable: true },
  UNAVAILABLE: { number: 11, retryable: true },
  OVERLOADED: { number: 12, retryable: true },
  NO_SPACE: { number: 13, retryable: true },
  OUTCOME_UNKNOWN: { number: 14, retryable: false },
  DEADLINE_EXCEEDED: { number: 15, retryable: false },
  PROTOCOL: { number: 16, retryable: false },
  UNSUPPORTED_VERSION: { number: 17, retryable: false },
  FENCED: { number: 18, retryable: false },
  DEADLOCK: { number: 20, retryable: false },
  INTERNAL: { number: 19, retryable: false },
} as const;

export type ErrorCode = keyof typeof errorCodes;

/** Also travels: code, message, outcome and details are the error message of the wire. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
  readonly code: ErrorCode;
  readonly outcome: Outcome;
  /** What a program may need: `revision`, `leader`, `limit`. */
  readonly details: Readonly<Record<string, number | string>>;

  constructor(
    code: ErrorCode,
    message: string,
    outcome: Outcome = 'not-applied',
    details: Readonly<Record<string, number | string>> = {},
  ) {
    super(message);
    this.code = code;
    this.outcome = outcome;
    this.details = details;
  }
}
