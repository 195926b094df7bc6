import { type ErrorBody, fromErrorBody, type ProtocolError, type Result, toErrorBody } from '@conclave/protocol';

/** A `ProtocolError` as plain data, cut to what an answer may hold: it is remembered, stored and compared like a result. */
export interface Refusal extends ErrorBody {
  readonly type: 'error';
}

export type Response = Result | Refusal;

export function refusal(error: ProtocolError): Refusal {
  return { type: 'error', ...toErrorBody(error) };
}

/** For callers that throw. */
export function protocolError(refused: Refusal): ProtocolError {
  return fromErrorBody(refused);
}
