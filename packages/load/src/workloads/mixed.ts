import { getOnce } from './get.ts';
import { putOnce } from './put.ts';
import type { Run, Workload } from './workload.ts';

const readShare = 0.9;

/** Nine linearizable reads and one write of ten. */
export function mixedWorkload(run: Run): Workload {
  return {
    needsKeys: true,
    writes: true,
    operate: async (worker) =>
      Math.random() < readShare ? getOnce(run, worker, 'linearizable') : putOnce(run, worker),
  };
}
