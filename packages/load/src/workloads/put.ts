import { type Run, recorded, type Worker, type Workload } from './workload.ts';

export function putWorkload(run: Run): Workload {
  return { needsKeys: false, writes: true, operate: async (worker) => putOnce(run, worker) };
}

export async function putOnce(run: Run, worker: Worker): Promise<void> {
  await recorded(run, worker, async (name) => {
    await worker.client.put(name, worker.value);
    return true;
  });
}
