import { type Run, recorded, type Worker, type Workload } from './workload.ts';

/** Compare and set: writes a key if nobody wrote it since it was read. As each key has one writer, it is lost only after doubt. */
export function txnWorkload(run: Run): Workload {
  const revisions = new Float64Array(run.settings.keys);
  return { needsKeys: false, writes: true, operate: async (worker) => txnOnce(run, worker, revisions) };
}

async function txnOnce(run: Run, worker: Worker, revisions: Float64Array): Promise<void> {
  await recorded(run, worker, async (name, key) => {
    const done = await worker.client.txn({
      if: [{ key: name, target: 'mod', op: '=', value: revisions[key] as number }],
      then: [{ put: name, value: worker.value }],
      else: [{ get: name }],
    });
    // Lost: what is there now is what the next one compares with.
    revisions[key] = done.ok ? done.revision : (done.results[0]?.modRevision ?? 0);
    return done.ok;
  });
}
