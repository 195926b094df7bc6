import type { CallOptions } from '../call.ts';
import type { Client } from '../client.ts';
import { ConclaveError } from '../error.ts';
import type { Session } from '../session/session.ts';
import { begunOf, fieldsOf, outcomeOf } from './record.ts';
import {
  abandoned,
  type Begun,
  checkMaxAttempts,
  giveBack,
  type JobContext,
  JobNotBegun,
  type JobOutcome,
  now,
  outcomeJson,
  pathOf,
  perform,
  runner,
} from './run.ts';

const defaultMaxAttempts = 5;

export type OnceContext = JobContext;

export interface OnceOptions extends CallOptions {
  /** So long after the instance that runs it was lost, another one begins. 15,000 if not given; see `lock`. */
  readonly ttlMs?: number;
  /** The lock hangs on this session, instead of one of the client's own. */
  readonly session?: Session;
  /** Who this is, for the record. */
  readonly by?: string;
  /** Begun so often and lost each time, it counts as failed. 5 if not given. */
  readonly maxAttempts?: number;
}

export type OnceOutcome = JobOutcome & {
  /** Here and now; else it was over before, or another instance ran it. */
  readonly ran: boolean;
  /** What the job threw, where it ran. */
  readonly cause: unknown;
};

/**
 * Runs the job unless it is over already, on one instance at a time; the others wait and get what became of it. A job that fails has failed for all
 * (`forgetOnce` lets it be run again). At least once: when the instance that runs it is lost, another one begins anew, with a larger fence.
 * `timeoutMs` limits the waiting for others, not the job. Rejects with LOCK_LOST when this instance was taken for lost while it ran, and with a
 * JobNotBegun that the job throws.
 */
export async function once<T>(
  client: Client,
  name: string,
  run: (context: OnceContext) => T | Promise<T>,
  options: OnceOptions = {},
): Promise<OnceOutcome> {
  const { by, maxAttempts = defaultMaxAttempts, session, signal, timeoutMs, ttlMs } = options;
  checkMaxAttempts(maxAttempts);
  const key = keyOf(name);
  const there = await onceOutcome(client, name, options);
  if (there !== null) return there;
  const lock = await client.lock(key, {
    ...(signal !== undefined && { signal }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(ttlMs !== undefined && { ttlMs }),
    ...(session !== undefined && { session }),
  });
  try {
    // Whoever had the lock before may have ended it.
    const entry = await client.get(key);
    const outcome = entry === null ? null : outcomeOf(entry);
    if (outcome !== null) return { ...outcome, ran: false, cause: null };
    const before: Begun | null = entry === null ? null : begunOf(entry, fieldsOf(entry));
    if (before !== null && before.attempt >= maxAttempts) {
      const lost = abandoned(before, now(client));
      const { ok } = await client.txn({ if: [lock.guard()], then: [{ put: key, value: json(lost) }] });
      if (!ok) throw new ConclaveError('LOCK_LOST', `once ${name}: another instance has it by now`);
      return { ...lost, ran: false, cause: null };
    }
    const begun = {
      by: runner(lock, by),
      fence: lock.fence,
      attempt: (before?.attempt ?? 0) + 1,
      startedAt: now(client),
    };
    const ended = await perform(client, {
      name,
      what: `once ${name}`,
      lock,
      begun,
      signal,
      begin: () => [{ put: key, value: JSON.stringify({ state: 'running', ...begun }) }],
      end: (result) => [{ put: key, value: json(result) }],
      run,
    }).catch(async (error: unknown) => {
      // Not even an attempt was made of it.
      const then = entry === null ? { delete: key } : { put: key, value: entry.value };
      if (error instanceof JobNotBegun) await client.txn({ if: [lock.guard()], then: [then] }).catch(() => {});
      throw error;
    });
    return { ...ended.outcome, ran: true, cause: ended.cause };
  } finally {
    await giveBack(lock);
  }
}

/** What has become of it. Null: it is not over, or nobody has begun it. */
export async function onceOutcome(
  client: Client,
  name: string,
  options: CallOptions = {},
): Promise<OnceOutcome | null> {
  const { signal, timeoutMs } = options;
  const entry = await client.get(keyOf(name), {
    ...(signal !== undefined && { signal }),
    ...(timeoutMs !== undefined && { timeoutMs }),
  });
  const outcome = entry === null ? null : outcomeOf(entry);
  return outcome === null ? null : { ...outcome, ran: false, cause: null };
}

/** It may be run again. False: nothing was recorded of it. While it runs, its outcome is recorded all the same. */
export async function forgetOnce(client: Client, name: string, options: CallOptions = {}): Promise<boolean> {
  const { deleted } = await client.delete(keyOf(name), options);
  return deleted > 0;
}

/** Of the record, and of the lock. */
function keyOf(name: string): string {
  return `jobs/once/${pathOf(name)}`;
}

function json(outcome: JobOutcome): string {
  return JSON.stringify(outcomeJson(outcome));
}
