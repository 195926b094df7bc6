import { decodeResult, encodeOperation, limits } from '@conclave/protocol';
import type { Exchange } from '../exchange/exchange.ts';
import type { SessionCore } from '../session/session-core.ts';
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
 * Goes with every keepalive. A forced release is pushed to the holder, once and to the connection of that moment; this is how a holder that was not
 * there learns of it in time.
 */
export async function confirmHolds(
  exchange: Exchange,
  core: SessionCore,
  holds: readonly Hold[],
  nowMs: number,
): Promise<void> {
  const chunk = holds.slice(0, limits.maxTxnCompares);
  if (chunk.length === 0) return;
  const rest = confirmHolds(exchange, core, holds.slice(chunk.length), nowMs);
  try {
    const { held, sentMs } = await areHeld(
      exchange,
      chunk.map(({ guard }) => guard),
      nowMs + core.ttlMs,
    );
    if (held) {
      for (const hold of chunk) hold.confirmed(sentMs);
    } else if (chunk.length === 1) {
      chunk[0]?.end('it was broken', undefined);
    } else {
      const half = chunk.length >> 1;
      await confirmHolds(exchange, core, chunk.slice(0, half), nowMs);
      await confirmHolds(exchange, core, chunk.slice(half), nowMs);
    }
  } catch {
    // The next keepalive asks again; the deadlines do not move.
  }
  await rest;
}
