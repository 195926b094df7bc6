// Everything that can go wrong, by a code that programs can rely on; messages are for people and change.

/** Did the mutation take effect? Only `not-applied` may be tried again under a new identity. */
export type Outcome = 'not-applied' | 'unknown';

/**
 * The table that docs/errors.md is made from. `number`: on the wire, never given again to another code. `retryable`: the same
 * request may be sent again as it is.
 */
export const errorCodes = {
  INVALID_ARGUMENT: {
    number: 1,
    retryable: false,
    meaning: 'The request is malformed or over a limit; the message names the field and the limit.',
  },
  TOO_LARGE: {
    number: 2,
    retryable: false,
    meaning: 'The request or its effect is over a size limit; the message names it.',
  },
  NOT_FOUND: {
    number: 3,
    retryable: false,
    meaning: 'The lease, session or member named by the request does not exist.',
  },
  COMPACTED: {
    number: 4,
    retryable: false,
    meaning: 'The revision asked for was compacted; the details name the oldest that can still be read.',
  },
  FUTURE_REVISION: {
    number: 5,
    retryable: false,
    meaning: 'The revision asked for has not been written yet.',
  },
  SESSION_EXPIRED: {
    number: 6,
    retryable: false,
    meaning: 'The session has ended. The request was not applied under it.',
  },
  STALE_SEQUENCE: {
    number: 7,
    retryable: false,
    meaning: 'The request was answered once and its answer given up by the client.',
  },
  RESPONSE_FORGOTTEN: {
    number: 8,
    retryable: false,
    meaning: 'The request was applied once, at the revision in the details; its answer was too large to keep.',
  },
  LIMIT_EXCEEDED: {
    number: 9,
    retryable: false,
    meaning: 'The cluster holds as many of these as it may; the message names the limit.',
  },
  NOT_LEADER: {
    number: 10,
    retryable: true,
    meaning: 'This member does not lead and could not pass the request on; the details name the leader, if known.',
  },
  UNAVAILABLE: {
    number: 11,
    retryable: true,
    meaning: 'No leader, no quorum, or the member is starting or stopping.',
  },
  OVERLOADED: {
    number: 12,
    retryable: true,
    meaning: 'Too much is waiting already; nothing was done.',
  },
  NO_SPACE: {
    number: 13,
    retryable: true,
    meaning: 'Disks are nearly full: reads, deletions and whatever ends something are taken, and nothing else.',
  },
  OUTCOME_UNKNOWN: {
    number: 14,
    retryable: false,
    meaning: 'The session died, or the caller stopped waiting, before the answer came.',
  },
  DEADLINE_EXCEEDED: {
    number: 15,
    retryable: false,
    meaning: 'The call was not answered within its time.',
  },
  PROTOCOL: {
    number: 16,
    retryable: false,
    meaning: 'The peer broke the protocol; the connection is closed.',
  },
  UNSUPPORTED_VERSION: {
    number: 17,
    retryable: false,
    meaning: 'Client and member share no protocol version; both ranges are named.',
  },
  FENCED: {
    number: 18,
    retryable: false,
    meaning: 'The session continues on another connection; this one may not use it any more.',
  },
  DEADLOCK: {
    number: 20,
    retryable: false,
    meaning: 'The request would wait for itself, by way of holds that others keep; the details name the cycle.',
  },
  INTERNAL: {
    number: 19,
    retryable: false,
    meaning: 'A defect in Conclave. Please report it.',
  },
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
