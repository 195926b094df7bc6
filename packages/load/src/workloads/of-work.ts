import type { Work } from '../options.ts';
import { getWorkload } from './get.ts';
import { lockWorkload } from './lock.ts';
import { mixedWorkload } from './mixed.ts';
import { putWorkload } from './put.ts';
import { rangeWorkload } from './range.ts';
import { txnWorkload } from './txn.ts';
import type { Run, Workload } from './workload.ts';

export function workloadOf(work: Work, run: Run): Workload {
  switch (work) {
    case 'put':
      return putWorkload(run);
    case 'get':
      return getWorkload(run, 'linearizable');
    case 'get-local':
      return getWorkload(run, 'local');
    case 'mixed':
      return mixedWorkload(run);
    case 'txn':
      return txnWorkload(run);
    case 'lock':
      return lockWorkload(run);
    case 'range':
      return rangeWorkload(run);
  }
}
