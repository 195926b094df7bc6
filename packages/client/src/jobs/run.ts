import { type Client, coreOfClient } from '../client.ts';
import { ConclaveError, cancelled } from '../error.ts';
import type { TxnStep } from '../keys/txn.ts';
import type { Guard } from '../lock/hold.ts';
import type { Lock } from '../lock/lock.ts';
import { onAbort } from '../on-abort.ts';
import { toBytes } from '../text.ts';

/** What a job returns is recorded for the others. */
export const maxResultBytes = 65_536;
const maxErrorCharacters = 1_024;

/** What a job gets to work with. */
export interface JobContext {
  readonly name: string;
  /** Aborts before another instance can begin the same run, and when the caller's own signal does. */
  readonly signal: AbortSignal;
  /** Until the signal aborts, if the lock is not renewed any more. 0 when it is lost. */
  readonly remainingMs: () => number;
  /** Larger than that of every run before it: whatever the job writes elsewhere can refuse a smaller one. */
  readonly fence: number;
  /** 1, or more: those who began it before were lost, and nobody knows how far they got. */
  readonly attempt: number;
  /** Throws LOCK_LOST when another instance may run it by now. */
  readonly assertHeld: () => void;
  /** For the `if` of a transaction: what it writes is written only while this run is the present one. */
  readonly guard: () => Guard;
}

/** Thrown by a job that found that it cannot begin where it is: nothing is recorded, and any instance may run it, as if this one had not asked. */
export class JobNotBegun extends Error {
  override readonly name = 'JobNotBegun';
}

/** How a run ended, as everybody sees it. */
export type JobOutcome =
  | (Ended & { readonly state: 'done'; readonly result: unknown })
  | (Ended & { readonly state: 'failed'; readonly error: string });

interface Ended {
  /** Who ran it, in its own words. */
  readonly by: string;
  readonly fence: number;
  readonly attempt: number;
  /** By the clock of whoever ran it. */
  readonly startedAt: Date;
  readonly endedAt: Date;
}

/** Who has begun, and not ended yet as far as is recorded. */
export interface Begun {
  readonly by: string;
  readonly fence: number;
  readonly attempt: number;
  readonly startedAt: Date;
}

/** One run of a job under a lock. What it records is written in transactions that the cluster refuses once the lock is not held any more. */
export interface RunPlan {
  /** Of the job. */
  readonly name: string;
  /** For messages. */
  readonly what: string;
  readonly lock: Lock;
  readonly begun: Begun;
  /** With it the caller gives up: then nothing is recorded, as if it had been lost here. */
  readonly signal: AbortSignal | undefined;
  readonly begin: (begun: Begun) => readonly TxnStep[];
  readonly end: (outcome: JobOutcome) => readonly TxnStep[];
  readonly run: (context: JobContext) => unknown;
}

/**
 * Rejects with LOCK_LOST when it was lost meanwhile, which another instance makes up for; with CANCELLED when the caller's signal ended it; with the
 * job's own JobNotBegun.
 */
export async function perform(client: Client, plan: RunPlan): Promise<{ outcome: JobOutcome; cause: unknown }> {
  const { begun, lock, name, signal, what } = plan;
  await writeHeld(client, plan, plan.begin(begun));
  const controller = new AbortController();
  const stopLosing = onAbort(lock.signal, () => controller.abort(lock.signal.reason));
  const stopListening = onAbort(signal, () => controller.abort(signal?.reason));
  if (signal?.aborted === true) controller.abort(signal.reason);
  const context: JobContext = {
    name,
    signal: controller.signal,
    remainingMs: () => lock.remainingMs(),
    fence: lock.fence,
    attempt: begun.attempt,
    assertHeld: () => lock.assertHeld(),
    guard: () => lock.guard(),
  };
  let ended:
    | { readonly state: 'done'; readonly result: unknown }
    | { readonly state: 'failed'; readonly error: string };
  let cause: unknown = null;
  try {
    ended = { state: 'done', result: recordable(await plan.run(context)) };
  } catch (error) {
    if (error instanceof JobNotBegun) throw error;
    if (signal?.aborted === true) throw cancelled(signal, what);
    cause = error;
    ended = { state: 'failed', error: messageOf(error) };
  } finally {
    stopLosing();
    stopListening();
  }
  const outcome: JobOutcome = { ...ended, ...begun, endedAt: now(client) };
  await writeHeld(client, plan, plan.end(outcome));
  return { outcome, cause };
}

async function writeHeld(client: Client, { lock, what }: RunPlan, steps: readonly TxnStep[]): Promise<void> {
  lock.assertHeld();
  const { ok } = await client.txn({ if: [lock.guard()], then: steps });
  if (!ok) throw new ConclaveError('LOCK_LOST', `${what}: it was lost while it ran; another instance runs it again`);
}

export function now(client: Client): Date {
  return new Date(coreOfClient(client).environment.clock.wallMs());
}

/** As others will see it. Throws INVALID_ARGUMENT for what is no JSON, or too large. */
function recordable(result: unknown): unknown {
  if (result === undefined) return null;
  const text = JSON.stringify(result);
  if (text === undefined) throw new ConclaveError('INVALID_ARGUMENT', 'what the job returned is no JSON');
  const bytes = toBytes(text).length;
  if (bytes > maxResultBytes) {
    throw new ConclaveError('TOO_LARGE', `what the job returned has ${bytes} bytes, the limit is ${maxResultBytes}`);
  }
  return JSON.parse(text);
}

function messageOf(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message : error).slice(0, maxErrorCharacters);
  } catch {
    // An object without a prototype, or one whose `toString` throws.
    return 'it threw something that cannot be shown as text';
  }
}

export function outcomeJson(outcome: JobOutcome): Readonly<Record<string, unknown>> {
  return { ...outcome, startedAt: outcome.startedAt.toISOString(), endedAt: outcome.endedAt.toISOString() };
}

/** Of a run that nobody ends: those who began it were lost, one after the other. */
export function abandoned(begun: Begun, endedAt: Date): JobOutcome {
  return { ...begun, state: 'failed', error: `whoever ran it was lost, ${begun.attempt} times`, endedAt };
}

/** Names may hold any character, and still no name's keys lie among those of another. */
export function pathOf(name: string): string {
  if (name === '') throw new ConclaveError('INVALID_ARGUMENT', 'name: a job has one');
  return encodeURIComponent(name);
}

export function checkMaxAttempts(maxAttempts: number): void {
  if (Number.isSafeInteger(maxAttempts) && maxAttempts >= 1) return;
  throw new ConclaveError('INVALID_ARGUMENT', `maxAttempts: ${maxAttempts}, it must be a whole number from 1 on`);
}

/** What became of the job counts. A release that is not answered in its time is asked for until it is, or the session ends. */
export async function giveBack(lock: Lock): Promise<void> {
  await lock.release().catch(() => {});
}

/** Who runs it, unless the application says who it is. */
export function runner(lock: Lock, by: string | undefined): string {
  return by ?? `session ${lock.guard().holder.session}`;
}
