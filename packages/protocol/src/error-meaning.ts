import type { ErrorCode } from './error.ts';

/** For people: docs/errors.md is made from it. */
export const errorMeanings: Readonly<Record<ErrorCode, string>> = {
  INVALID_ARGUMENT: 'The request is malformed or over a limit; the message names the field and the limit.',
  TOO_LARGE: 'The request or its effect is over a size limit; the message names it.',
  NOT_FOUND: 'The lease, session or member named by the request does not exist.',
  COMPACTED: 'The revision asked for was compacted; the details name the oldest that can still be read.',
  FUTURE_REVISION: 'The revision asked for has not been written yet.',
  SESSION_EXPIRED: 'The session has ended. The request was not applied under it.',
  STALE_SEQUENCE: 'The request was answered once and its answer given up by the client.',
  RESPONSE_FORGOTTEN: 'The request was applied once, at the revision in the details; its answer was too large to keep.',
  LIMIT_EXCEEDED: 'The cluster holds as many of these as it may; the message names the limit.',
  NOT_LEADER: 'This member does not lead and could not pass the request on; the details name the leader, if known.',
  UNAVAILABLE: 'No leader, no quorum, or the member is starting or stopping.',
  OVERLOADED: 'Too much is waiting already; nothing was done.',
  NO_SPACE: 'Disks are nearly full: reads, deletions and whatever ends something are taken, and nothing else.',
  OUTCOME_UNKNOWN: 'The session died, or the caller stopped waiting, before the answer came.',
  DEADLINE_EXCEEDED: 'The call was not answered within its time.',
  PROTOCOL: 'The peer broke the protocol; the connection is closed.',
  UNSUPPORTED_VERSION: 'Client and member share no protocol version; both ranges are named.',
  FENCED: 'The session continues on another connection; this one may not use it any more.',
  DEADLOCK: 'The request would wait for itself, by way of holds that others keep; the details name the cycle.',
  INTERNAL: 'A defect in Conclave. Please report it.',
};
