import { decodeResult, encodeOperation, limits } from '@conclave/protocol';
import type { Exchange } from '../exchange/exchange.ts';
import type { Guard, Hold } from './hold.ts';

/**
 * Asks the cluster whether all of them are held: a transaction of nothing but guards, which is only read and costs no log entry. Rejects
 * when nobody answers in time.
 */
export async function areHeld(
  exchange: Exchange,
  guards: readonly Guard[],
  deadlineMs: number,
  signal?: AbortSignal,
): Promise<{ readonly held: boolean; readonly sentMs: number }> {
  const operation = encodeOperation({ type: 'txn', compares: guards, then: [], else: [] });
  const { message, sentMs } = await exchange.ask(
    {
      what: 'lock',
      lane: exchange.vital,
      changes: false,
      repeatable: true,
      bytes: operation.length,
      message: (id, leftMs) => ({
        type: 'query',
        id,
        consistency: 'linearizable',
        minRevision: 0,
        deadlineMs: leftMs,
        operation,
      }),
    },
    { deadlineMs, signal },
  );
  if (message.type !== 'result') throw new Error(`a query was answered by ${message.type}`);
  const result = decodeResult(message.result);
  return { held: result.type === 'txn' && result.succeeded, sentMs };
}

/**
 * Goes with every keepalive, one question for all sessions of the client. A forced release is pushed to the holder, once and to the connection of
 * that moment; this is how a holder that was not there learns of it in time.
 */
export async function confirmHolds(exchange: Exchange, holds: readonly Hold[], untilMs: number): Promise<void> {
  const chunk = holds.slice(0, limits.maxTxnCompares);
  if (chunk.length === 0) return;
  const rest = confirmHolds(exchange, holds.slice(chunk.length), untilMs);
  try {
    const guards = chunk.map(({ guard }) => guard);
    const { held, sentMs } = await areHeld(exchange, guards, untilMs);
    if (held) {
      for (const hold of chunk) hold.confirmed(sentMs);
    } else if (chunk.length === 1) {
      const [hold] = chunk;
      // One whose mode is being changed may be held under a fence that is not known here yet.
      if (hold?.isConverting === false && hold.fence === guards[0]?.fence) hold.end('it was broken', undefined);
    } else {
      const half = chunk.length >> 1;
      await confirmHolds(exchange, chunk.slice(0, half), untilMs);
      await confirmHolds(exchange, chunk.slice(half), untilMs);
    }
  } catch {
    // The next keepalive asks again; the deadlines do not move.
  }
  await rest;
}
