// What a scheduled job leaves at the cluster:
//   jobs/cron/NAME         up to which firing everything is decided, and what runs
//   jobs/runs/NAME/FIRING  how a firing ended; so many of them, in the order of time
import type { CallOptions } from '../call.ts';
import type { Client } from '../client.ts';
import type { Entry } from '../keys/entry.ts';
import type { TxnStep } from '../keys/txn.ts';
import type { Lock } from '../lock/lock.ts';
import { begunOf, damaged, dateOf, fieldsOf, outcomeOf } from './record.ts';
import { type Begun, type JobOutcome, now, outcomeJson, pathOf } from './run.ts';

/** Forgotten in one transaction, which has room for no more. */
const maxForgotten = 500;

export interface CronState {
  /** It and every firing before it ran, or were passed over: never again. */
  readonly last: Date;
  /** Begun, and not ended as far as is recorded. */
  readonly running: (Begun & { readonly firing: Date }) | null;
}

export type CronRun = JobOutcome & {
  /** The instant for which it ran. */
  readonly firing: Date;
};

/** Null: nobody ever had this job. */
export async function readState(client: Client, path: string): Promise<CronState | null> {
  const entry = await client.get(`jobs/cron/${path}`);
  return entry === null ? null : stateOf(entry);
}

function stateOf(entry: Entry): CronState {
  const fields = fieldsOf(entry);
  const { running } = fields;
  const last = dateOf(entry, fields, 'last');
  if (running === null) return { last, running };
  if (typeof running !== 'object') throw damaged(entry, 'what runs is no object');
  const begun = running as Readonly<Record<string, unknown>>;
  return { last, running: { ...begunOf(entry, begun), firing: dateOf(entry, begun, 'firing') } };
}

export function stateSteps(path: string, state: CronState): readonly TxnStep[] {
  return [{ put: `jobs/cron/${path}`, value: JSON.stringify(state) }];
}

/** The outcome, and that the firing is over, in one: neither is there without the other. */
export function outcomeSteps(path: string, { firing, ...outcome }: CronRun): readonly TxnStep[] {
  const key = `jobs/runs/${path}/${firing.toISOString()}`;
  return [
    { put: key, value: JSON.stringify(outcomeJson(outcome)) },
    ...stateSteps(path, { last: firing, running: null }),
  ];
}

/** The latest first. */
export async function historyOf(client: Client, path: string, limit: number, call: CallOptions): Promise<CronRun[]> {
  const prefix = `jobs/runs/${path}/`;
  const runs: CronRun[] = [];
  for await (const entry of client.list({ prefix }, { ...call, reverse: true, limit })) {
    const outcome = outcomeOf(entry);
    const firing = new Date(entry.key.slice(prefix.length));
    if (outcome !== null) runs.push({ ...outcome, firing });
  }
  return runs;
}

/** Forgets the oldest, until no more than `keep` are left. */
export async function trim(client: Client, lock: Lock, path: string, keep: number): Promise<void> {
  const keys: string[] = [];
  for await (const { key } of client.list({ prefix: `jobs/runs/${path}/` }, { keysOnly: true })) keys.push(key);
  const old = keys.slice(0, Math.min(maxForgotten, Math.max(0, keys.length - keep)));
  if (old.length > 0) await client.txn({ if: [lock.guard()], then: old.map((key) => ({ delete: key })) });
}

/**
 * What was decided of firings that are still to come, by an instance whose clock was ahead, is forgotten: the job goes on with the next firing from now.
 * False: nothing was. Set the clock right before, or it happens again.
 */
export async function resetCron(client: Client, name: string, options: CallOptions = {}): Promise<boolean> {
  const path = pathOf(name);
  const key = `jobs/cron/${path}`;
  for (;;) {
    const entry = await client.get(key, options);
    if (entry === null) return false;
    const { last, running } = stateOf(entry);
    const at = now(client);
    if (last <= at) return false;
    const state: CronState = { last: at, running: running !== null && running.firing <= at ? running : null };
    const { ok } = await client.put(key, JSON.stringify(state), { ...options, ifRevision: entry.modRevision });
    if (ok) return true;
  }
}
