import { decodeResult, encodeResult, errorMeanings, limits, type Result, type Revision } from '@conclave/protocol';
import { maxKeyedResponseBytes, maxRememberedBytesPerSession, smallResponseBytes } from '../bounds.ts';
import type { LockRequest } from '../locks/lock.ts';
import { requestState } from '../locks/lock-acquire.ts';
import type { Refusal, Response } from '../response.ts';
import type { Answer } from './remembered.ts';

export interface Kept {
  readonly answer: Answer;
  /** Counted against what the session may have remembered. */
  readonly bytes: number;
}

/** `taken`: bytes that the session's memory counts already. */
export function keepForSession(response: Response, revision: Revision, taken: number): Kept {
  if (response.type === 'lockAcquire') {
    return { answer: response.state === 'refused' ? { form: 'refused' } : { form: 'request' }, bytes: 0 };
  }
  const room = Math.min(limits.maxRememberedResponseBytes, maxRememberedBytesPerSession - taken);
  return keep(response, revision, room);
}

export function keepForKey(response: Response, revision: Revision): Answer {
  return keep(response, revision, maxKeyedResponseBytes).answer;
}

function keep(response: Response, revision: Revision, room: number): Kept {
  if (response.type === 'error') return { answer: withoutWords(response), bytes: 0 };
  if (isSmall(response)) return { answer: { form: 'result', result: response }, bytes: 0 };
  // A copy: encoded bytes may be a slice of a buffer that is much larger than they are.
  const bytes = encodeResult(response).slice();
  // Small ones are kept whatever the room: the window bounds them.
  if (bytes.length <= smallResponseBytes) return { answer: { form: 'bytes', bytes }, bytes: 0 };
  if (bytes.length > room) return { answer: { form: 'forgotten', revision }, bytes: 0 };
  return { answer: { form: 'bytes', bytes }, bytes: bytes.length };
}

function withoutWords({ code, outcome, details }: Refusal): Answer {
  const { limit } = details as { readonly limit?: unknown };
  return { form: 'error', code, outcome, limit: typeof limit === 'number' ? limit : null };
}

/** Whether keys or values may stand in it; if not, it is some numbers. */
function isSmall(response: Result): boolean {
  if (response.type === 'put') return response.previous === null;
  if (response.type === 'delete') return response.previous.length === 0;
  return response.type !== 'txn';
}

/** What the command is told when it comes again. `request`: that of the sequence, while it waits or holds. */
export function recall(answer: Answer, request: LockRequest | undefined, revision: Revision): Response {
  switch (answer.form) {
    case 'result':
      return answer.result;
    case 'error':
      return {
        type: 'error',
        code: answer.code,
        message: `refused when it came first: ${errorMeanings[answer.code]}`,
        outcome: answer.outcome,
        details: answer.limit === null ? {} : { limit: answer.limit },
      };
    case 'bytes':
      return decodeResult(answer.bytes);
    case 'forgotten':
      return {
        type: 'error',
        code: 'RESPONSE_FORGOTTEN',
        message: `the command was applied, at revision ${answer.revision}; its answer was too large to keep`,
        // It was applied: whoever sends it again under a new identity would do it twice.
        outcome: 'unknown',
        details: { revision: answer.revision },
      };
    case 'request':
      if (request === undefined)
        throw new Error('state machine: an acquire is remembered as waiting and does not wait');
      return { type: 'lockAcquire', revision, ...requestState(request) };
    case 'released':
      return { type: 'lockAcquire', revision, state: 'released', fence: answer.fence };
    case 'refused':
    case 'cancelled':
      return { type: 'lockAcquire', revision, state: answer.form };
  }
}
