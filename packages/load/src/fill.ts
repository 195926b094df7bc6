import { bounds } from './bounds.ts';
import type { Run, Worker } from './workloads/workload.ts';

/** Writes every key once, each through the client of the worker that it belongs to. Throws what the cluster says. */
export async function fill({ keys, ledger, settings }: Run, workers: readonly Worker[]): Promise<void> {
  const { connections, outstanding, valueBytes } = settings;
  const writers = Math.min(keys.count, connections * bounds.fillOutstanding);
  await Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      const value = new Uint8Array(valueBytes);
      for (let key = writer; key < keys.count; key += writers) {
        const sequence = ledger.begin(key, value);
        await workers[key % outstanding]?.client.put(keys.name(key), value);
        ledger.acknowledged(key, sequence);
      }
    }),
  );
}
