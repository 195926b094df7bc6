import { type ErrorCode, type Outcome, ProtocolError, type Result } from '@conclave/protocol';

/** A `ProtocolError` as plain data: it is remembered, stored and compared like a result. */
export interface Refusal {
  readonly type: 'error';
  readonly code: ErrorCode;
  readonly message: string;
  readonly outcome: Outcome;
  readonly details: Readonly<Record<string, number | string>>;
}

export type Response = Result | Refusal;

export function refusal(error: ProtocolError): Refusal {
  return { type: 'error', code: error.code, message: error.message, outcome: error.outcome, details: error.details };
}

/** For callers that throw. */
export function protocolError(refused: Refusal): ProtocolError {
  return new ProtocolError(refused.code, refused.message, refused.outcome, refused.details);
}
