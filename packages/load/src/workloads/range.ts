import { bounds } from '../bounds.ts';
import { AbsentError, type Run, type Workload } from './workload.ts';

/** Neighbouring entries with their values, linearizable. */
export function rangeWorkload({ keys }: Run): Workload {
  return {
    needsKeys: true,
    writes: false,
    operate: async ({ client }) => {
      const from = keys.random();
      const to = Math.min(keys.count, from + bounds.rangeEntries);
      const { entries } = await client.list({ from: keys.name(from), to: keys.name(to) });
      if (entries.length < to - from) throw new AbsentError(`of ${to - from} entries ${entries.length} are there`);
    },
  };
}
