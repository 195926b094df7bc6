// Operations asked of the replicated state, and their answers. The operation's bytes and the result's bytes pass through members as
// they are.
import type { Identity } from '../command.ts';
import { identity } from '../command-schema.ts';
import { type ErrorCode, errorCodes, type Outcome, ProtocolError } from '../error.ts';
import { limits } from '../limits.ts';
import type { Revision } from '../operation.ts';
import { bytes, choice, integer, nullable, text } from '../schema/primitive.ts';
import { record } from '../schema/record.ts';
import { type CaseTable, type Structure, structure } from '../schema/structure.ts';
import type { Type } from '../schema/type.ts';
import { cutToUtf8Length, utf8Length } from '../schema/utf8.ts';
import * as shared from '../schema/vocabulary.ts';
import { wireLimits } from './wire-limits.ts';

export interface Mutate {
  readonly type: 'mutate';
  /** Chosen by the client, unique among its unanswered requests of this connection; the answer carries it. */
  readonly id: number;
  readonly identity: Identity;
  /** Why: kept with the revision. */
  readonly reason: string | null;
  /** Time left when it was sent. A member that cannot propose it within that time answers DEADLINE_EXCEEDED. Null: none. */
  readonly deadlineMs: number | null;
  /** An encoded operation. */
  readonly operation: Uint8Array;
}

export type Consistency = 'linearizable' | 'local';

export interface QueryRequest {
  readonly type: 'query';
  readonly id: number;
  readonly consistency: Consistency;
  /** Answered from a state at least as new: a client that moved between members never reads backwards. 0: any. */
  readonly minRevision: Revision;
  readonly deadlineMs: number | null;
  /** An encoded operation that only reads. */
  readonly operation: Uint8Array;
}

export interface ResultMessage {
  readonly type: 'result';
  readonly id: number;
  /** How old the state behind the answer may be, in ms since the leader last confirmed it. Null for what is linearizable. */
  readonly stalenessMs: number | null;
  /** An encoded result. */
  readonly result: Uint8Array;
}

/** A `ProtocolError` as it travels. */
export interface ErrorBody {
  readonly code: ErrorCode;
  readonly message: string;
  readonly outcome: Outcome;
  readonly details: Readonly<Record<string, number | string>>;
}

export interface ErrorMessage {
  readonly type: 'error';
  readonly id: number;
  readonly error: ErrorBody;
}

export const requestId: Type<number> = integer('request id', 1, 0xffff_ffff);
const deadlineMs = nullable(integer('ms', 0, wireLimits.maxDeadlineMs));
const operationBytes = bytes('operation', 1, limits.maxOperationBytes);

const codeNumbers = Object.fromEntries(
  Object.entries(errorCodes).map(([code, { number }]) => [code, number]),
) as Readonly<Record<ErrorCode, number>>;

export const errorBody: Structure<ErrorBody> = structure<ErrorBody>('ErrorBody', {
  code: choice('error code', codeNumbers),
  message: text('message', wireLimits.maxErrorMessageBytes),
  outcome: choice<Outcome>('outcome', { 'not-applied': 0, unknown: 1 }),
  details: record<number | string>('details', wireLimits.maxErrorDetailsBytes, true),
});

/** What an integer counts in a record. */
const integerDetailBytes = 8;

/** Cuts what is too long to travel and leaves out what cannot: an error must always reach the one who waits for it. */
export function toErrorBody(error: ProtocolError): ErrorBody {
  const details: Record<string, number | string> = {};
  let room: number = wireLimits.maxErrorDetailsBytes;
  for (const [name, value] of Object.entries(error.details)) {
    if (typeof value === 'number' && !(Number.isSafeInteger(value) && value >= 0)) continue;
    const needed = utf8Length(name) + (typeof value === 'number' ? integerDetailBytes : 0);
    if (needed > room || cutToUtf8Length(name, room) !== name) continue;
    const kept = typeof value === 'string' ? cutToUtf8Length(value, room - needed) : value;
    room -= needed + (typeof kept === 'string' ? utf8Length(kept) : 0);
    details[name] = kept;
  }
  const message = cutToUtf8Length(error.message, wireLimits.maxErrorMessageBytes);
  return { code: error.code, message, outcome: error.outcome, details };
}

export function fromErrorBody(body: ErrorBody): ProtocolError {
  return new ProtocolError(body.code, body.message, body.outcome, body.details);
}

/** Reserved: principal and auth revision, filled in by members. */
export const mutateCase: CaseTable<Mutate, 'type'> = {
  tag: 2,
  fields: {
    id: requestId,
    identity,
    reason: nullable(text('reason', limits.maxReasonBytes)),
    deadlineMs,
    operation: operationBytes,
  },
  reserved: 2,
};

/** Reserved: principal and auth revision, filled in by members. */
export const queryCase: CaseTable<QueryRequest, 'type'> = {
  tag: 3,
  fields: {
    id: requestId,
    consistency: choice<Consistency>('consistency', { linearizable: 0, local: 1 }),
    minRevision: shared.revision,
    deadlineMs,
    operation: operationBytes,
  },
  reserved: 2,
};

export const resultCase: CaseTable<ResultMessage, 'type'> = {
  tag: 65,
  fields: {
    id: requestId,
    stalenessMs: nullable(integer('ms', 0)),
    result: bytes('result', 1, limits.maxResponseBytes),
  },
};

export const errorCase: CaseTable<ErrorMessage, 'type'> = { tag: 66, fields: { id: requestId, error: errorBody } };
