// Linearizability by definition, for a handful of operations of one key: every subset of the unknown ones, every order.
import { canonical, type Json } from '../record.ts';
import type { KeyRecord } from '../register.ts';

export function isLinearizableByDefinition(records: readonly KeyRecord[], init: Json): boolean {
  const certain = records.filter(({ status }) => status === 'ok');
  const unknown = records.filter(({ status, op }) => status === 'unknown' && op !== 'get' && op !== 'get_stale');
  for (let subset = 0; subset < 1 << unknown.length; subset++) {
    const chosen = unknown.filter((_, index) => (subset >> index) & 1);
    if (hasOrder([...certain, ...chosen], init)) return true;
  }
  return false;
}

function hasOrder(pending: readonly KeyRecord[], value: Json): boolean {
  if (pending.length === 0) return true;
  return pending.some((record) => {
    const overtakes = pending.some((other) => other.status === 'ok' && other.return_ns < record.call_ns);
    if (overtakes) return false;
    const after = take(record, value);
    return (
      after !== undefined &&
      hasOrder(
        pending.filter((other) => other !== record),
        after,
      )
    );
  });
}

/** The value after it, or undefined when its answer is impossible. */
function take(record: KeyRecord, value: Json): Json | undefined {
  const out = record.status === 'ok' ? record.out : undefined;
  switch (record.op) {
    case 'get':
      return record.status === 'ok' && same(record.out.value, value) ? value : undefined;
    case 'get_stale':
      return value;
    case 'put':
      if (record.status === 'ok' && record.out.prev !== undefined && !same(record.out.prev, value)) return undefined;
      return record.in.value;
    case 'cas': {
      const swaps = same(record.in.expect, value);
      if (out === undefined || record.status !== 'ok') return swaps ? record.in.value : value;
      if (record.out.swapped !== swaps) return undefined;
      if (!swaps && record.out.value !== undefined && !same(record.out.value, value)) return undefined;
      return swaps ? record.in.value : value;
    }
    case 'delete':
      if (record.status === 'ok' && record.out.existed !== undefined && record.out.existed !== (value !== null)) {
        return undefined;
      }
      return null;
  }
}

function same(a: Json, b: Json): boolean {
  return canonical(a) === canonical(b);
}
