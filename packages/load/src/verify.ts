import type { Client } from '@conclave/client';
import { bounds } from './bounds.ts';
import type { Keys } from './keys.ts';
import type { Ledger, Shown } from './ledger.ts';
import type { Verified } from './report.ts';

/** Reads all keys of the run, linearizably and at one revision, and compares them with what was acknowledged. */
export async function verify(client: Client, keys: Keys, ledger: Ledger): Promise<Verified> {
  const shown = new Map<number, Shown>();
  const all = { from: keys.name(0), to: keys.name(keys.count) };
  for await (const { key, value, version } of client.list(all, { timeoutMs: bounds.verifyTimeoutMs })) {
    shown.set(keys.numberOf(key), { value: value.subarray(0, bounds.minVerifiableBytes), version });
  }
  return ledger.compare(shown);
}

/** Deletes the keys of the run, by as many at a time as one log entry may change. */
export async function tidy(client: Client, keys: Keys, valueBytes: number): Promise<void> {
  const byBytes = Math.floor(bounds.bytesPerDeletion / (valueBytes + keys.name(0).length));
  const together = Math.max(1, Math.min(bounds.keysPerDeletion, byBytes));
  for (let from = 0; from < keys.count; from += together) {
    const to = Math.min(keys.count, from + together);
    await client.delete({ from: keys.name(from), to: keys.name(to) }, { timeoutMs: bounds.tidyTimeoutMs });
  }
}
