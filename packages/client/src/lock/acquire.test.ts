import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeOperation, encodeResult, type Operation } from '@conclave/protocol';
import type { Environment } from '../environment.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { SequenceLedger } from '../session/sequence-ledger.ts';
import type { SessionCore } from '../session/session-core.ts';
import { Acquire } from './acquire.ts';
import type { Hold } from './hold.ts';

const ttlMs = 1_000;

/** An acquire that was granted, and whose answer was `ageMs` on its way, under a session that lives. */
async function grantedAfter(
  ageMs: number,
): Promise<{ readonly outcome: unknown; readonly sent: readonly Operation[] }> {
  const nowMs = 10_000;
  const sent: Operation[] = [];
  const holds = new Set<Hold>();
  const core = {
    id: 1,
    ttlMs,
    isFinal: false,
    holds,
    waiters: new Map(),
    ledger: new SequenceLedger(),
    send: async (_mutation: unknown, _waiting: unknown, numbering: { sequence(): number }) => {
      numbering.sequence();
      const result = encodeResult({ type: 'lockAcquire', revision: 7, state: 'held', fence: 7 });
      const message = { type: 'result', id: 1, stalenessMs: null, result } as const;
      return { message, sentMs: nowMs - ageMs, firstSentMs: nowMs - ageMs };
    },
    mutate: async ({ operation }: { readonly operation: Uint8Array }) => {
      sent.push(decodeOperation(operation));
    },
  };
  const name = { kind: 'lock', name: new Uint8Array([1]) } as const;
  const acquire = new Acquire(
    { clock: { nowMs: () => nowMs } } as unknown as Environment,
    {} as Exchange,
    core as unknown as SessionCore,
    'lock',
    {
      type: 'lockAcquire',
      claims: [{ mode: 'exclusive', name }],
      wait: true,
      value: null,
      lockDelayMs: 0,
      keeping: [],
    },
    { deadlineMs: Number.POSITIVE_INFINITY },
  );
  return { outcome: await acquire.run(), sent };
}

test('a grant whose answer took longer than a hold is good for is taken back, so that the next attempt does not wait behind it', async () => {
  const late = await grantedAfter(ttlMs);
  assert.equal(late.outcome, 'again');
  assert.deepEqual(
    late.sent.map((operation) => operation.type === 'lockCancel' && operation.sequence),
    [1],
  );
  const early = await grantedAfter(ttlMs / 2);
  assert.ok(typeof early.outcome === 'object');
  assert.deepEqual(early.sent, []);
});
