import { AbsentError, type Run, type Worker, type Workload } from './workload.ts';

type Consistency = 'linearizable' | 'local';

export function getWorkload(run: Run, consistency: Consistency): Workload {
  return { needsKeys: true, writes: false, operate: async (worker) => getOnce(run, worker, consistency) };
}

export async function getOnce({ keys }: Run, { client }: Worker, consistency: Consistency): Promise<void> {
  const name = keys.name(keys.random());
  const entry = await client.get(name, { consistency });
  if (entry === null) throw new AbsentError(`${name} was written before, and is not there`);
}
