import { decodeResult, encodeOperation, type LockRequestId, type LockStanding } from '@conclave/protocol';
import type { Exchange, Waiting } from '../exchange/exchange.ts';

/** Where a request for a lock stands, as of now; null: it neither waits nor holds. */
export async function standingOf(
  exchange: Exchange,
  id: LockRequestId,
  what: string,
  waiting: Waiting,
): Promise<{ readonly standing: LockStanding | null; readonly sentMs: number }> {
  const operation = encodeOperation({ type: 'lockRequest', ...id });
  const { message, sentMs } = await exchange.ask(
    {
      what,
      lane: exchange.common,
      changes: false,
      repeatable: true,
      bytes: operation.length,
      message: (request, deadlineMs) => ({
        type: 'query',
        id: request,
        consistency: 'linearizable',
        minRevision: 0,
        deadlineMs,
        operation,
      }),
    },
    waiting,
  );
  const result = message.type === 'result' ? decodeResult(message.result) : null;
  if (result?.type !== 'lockRequest') throw new Error('a query for a request was answered by something else');
  return { standing: result.request, sentMs };
}
