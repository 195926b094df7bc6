import { bounds } from '../bounds.ts';
import type { Run, Workload } from './workload.ts';

/** Acquire and release, which together count as one operation. */
export function lockWorkload({ settings }: Run): Workload {
  const { lockNames, prefix } = settings;
  return {
    needsKeys: false,
    writes: false,
    operate: async ({ client, index }) => {
      const lock = await client.lock(`${prefix}lock-${index % lockNames}`, { timeoutMs: bounds.lockTimeoutMs });
      await lock.release();
    },
  };
}
