import { type LoadReport, runLoad } from '@conclave/load';
import type { ConclaveCluster } from './conclave-cluster.ts';
import type { Measured, Task } from './measured.ts';
import { difference, type Usage, usageOf } from './process-usage.ts';

export interface ConclaveMeasured extends Measured {
  readonly report: LoadReport;
  /** Of each member in the measured time, the leader first. */
  readonly members: readonly Usage[];
}

/** Through the SDK, in this process. */
export async function loadConclave(cluster: ConclaveCluster, task: Task): Promise<ConclaveMeasured> {
  let before: readonly Usage[] = [];
  let members: readonly Usage[] = [];
  const report = await runLoad({
    ...task,
    endpoints: cluster.endpoints,
    connect: cluster.clients(),
    onMeasuredTime: (edge) => {
      const now = cluster.pids.map((pid) => usageOf(pid));
      if (edge === 'begin') before = now;
      else members = now.map((usage, at) => difference(before[at] as Usage, usage));
    },
  });
  const cpuMicros = members.reduce((all, one) => all + one.cpuMicros, 0);
  return {
    perSecond: report.opsPerSecond,
    p50Ms: report.p50Ms,
    p99Ms: report.p99Ms,
    errors: report.errors,
    serverMicrosPerOp: cpuMicros / report.operations,
    clientMicrosPerOp: report.clientCpuMicrosPerOp,
    report,
    members,
  };
}

/** Members that have just started run code that is not compiled yet: they are not measured before they have done some work. */
export async function warmUp(cluster: ConclaveCluster): Promise<void> {
  const load = { outstanding: 64, seconds: warmUpSeconds, warmupSeconds: 0, endpoints: cluster.endpoints };
  for (const work of ['put', 'get'] as const) await runLoad({ ...load, work, connect: cluster.clients() });
}

const warmUpSeconds = 2;
