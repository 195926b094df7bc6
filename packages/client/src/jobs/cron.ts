import { type Client, coreOfClient } from '../client.ts';
import { ConclaveError } from '../error.ts';
import type { Lock } from '../lock/lock.ts';
import { onAbort } from '../on-abort.ts';
import { checkTtl } from '../session/check-ttl.ts';
import { type CronRun, type CronState, historyOf, outcomeSteps, readState, stateSteps, trim } from './cron-state.ts';
import { abandoned, checkMaxAttempts, giveBack, type JobContext, now, pathOf, perform, runner } from './run.ts';
import { type Schedule, scheduleOf } from './schedule.ts';

export type { CronRun } from './cron-state.ts';

/** What becomes of firings that fell due while nobody ran the job, or while it still ran for an earlier one. */
export type CatchUp =
  /** They are passed over. */
  | 'none'
  /** The last of them is run, once for all. */
  | 'latest'
  /** Each is run, one behind the other. */
  | 'all';

export interface CronContext extends JobContext {
  /** The instant for which it runs: the schedule's, on every instance the same. */
  readonly firing: Date;
}

export interface CronOptions {
  /** `none` if not given. */
  readonly catchUp?: CatchUp;
  /** IANA name. UTC if not given, whatever the machine's own is: instances must mean the same instants. */
  readonly timezone?: string;
  /** With `none`: so much later a firing still counts as on time. 10,000 ms if not given. */
  readonly graceMs?: number;
  /** So long after the instance that has the job was lost, another one takes over. 15,000 if not given; see `lock`. */
  readonly ttlMs?: number;
  /** Who this is, for the record. */
  readonly by?: string;
  /** A firing that was begun so often and lost each time counts as failed. 5 if not given. */
  readonly maxAttempts?: number;
  /** Runs that are remembered. 100 if not given, at most 1,000. */
  readonly keep?: number;
  /** Gives everything up, the run under way included, which another instance then begins anew. */
  readonly signal?: AbortSignal;
  /** A run ended here. */
  readonly onRun?: (run: CronRun, cause: unknown) => void;
  /** This instance could not do its part for a moment: no leader, the lock lost. It goes on trying. */
  readonly onError?: (error: unknown) => void;
}

/** One instance's part in a job that many of them have on their schedule. */
export interface CronHandle extends AsyncDisposable {
  readonly name: string;
  /** The last runs on any instance, the latest first. */
  runs(options?: { readonly limit?: number; readonly timeoutMs?: number }): Promise<CronRun[]>;
  /** Takes part no more. A run under way here ends first. Never rejects. */
  stop(): Promise<void>;
}

const catchUps: readonly CatchUp[] = ['none', 'latest', 'all'];
/** No clock is meant to be so far ahead of another: beyond it, what is decided already was decided by one that was wrong. */
const maxAheadMs = 60_000;
const defaultGraceMs = 10_000;
const defaultMaxAttempts = 5;
const defaultKeep = 100;
const maxKeep = 1_000;
/** Wall clocks are set: nobody sleeps longer than this without looking at his. */
const maxSleepMs = 30_000;
const retryMs = 1_000;

/**
 * Runs the job at each instant of the schedule, on one of the instances that ask for it by this name. Which firings are over is recorded at the
 * cluster, so each is run once however the clocks of instances differ; whose clock decides when is that of the instance whose turn it is. At least
 * once: a firing whose instance was lost is begun anew by another one, with a larger fence. Throws INVALID_ARGUMENT for a schedule that is none, and for
 * options that are wrong.
 */
export function cron(
  client: Client,
  name: string,
  schedule: string,
  run: (context: CronContext) => unknown,
  options: CronOptions = {},
): CronHandle {
  const { keep = defaultKeep, timezone = 'UTC' } = options;
  checkOptions(options);
  if (!Number.isInteger(keep) || keep < 1 || keep > maxKeep) {
    throw new ConclaveError('INVALID_ARGUMENT', `keep: 1 to ${maxKeep} runs, not ${keep}`);
  }
  return new CronInstance(client, name, scheduleOf(schedule, timezone), run, { ...options, keep });
}

function checkOptions({ catchUp = 'none', graceMs = 0, maxAttempts = 1, ttlMs }: CronOptions): void {
  if (!catchUps.includes(catchUp)) {
    throw new ConclaveError('INVALID_ARGUMENT', `catchUp: ${catchUp}, it must be one of ${catchUps.join(', ')}`);
  }
  if (!(graceMs >= 0)) throw new ConclaveError('INVALID_ARGUMENT', `graceMs: ${graceMs}, it must not be negative`);
  checkMaxAttempts(maxAttempts);
  if (ttlMs !== undefined) checkTtl(ttlMs);
}

class CronInstance implements CronHandle {
  readonly name: string;
  readonly #client: Client;
  readonly #schedule: Schedule;
  readonly #run: (context: CronContext) => unknown;
  readonly #options: CronOptions & { readonly keep: number };
  readonly #path: string;
  readonly #stopping = new AbortController();
  readonly #over: Promise<void>;
  #saidAhead = false;

  constructor(
    client: Client,
    name: string,
    schedule: Schedule,
    run: (context: CronContext) => unknown,
    options: CronOptions & { readonly keep: number },
  ) {
    this.#client = client;
    this.name = name;
    this.#schedule = schedule;
    this.#run = run;
    this.#options = options;
    this.#path = pathOf(name);
    onAbort(options.signal, () => this.#stopping.abort(options.signal?.reason));
    if (options.signal?.aborted === true) this.#stopping.abort(options.signal.reason);
    this.#over = this.#takePart();
  }

  async runs({ limit = defaultKeep, ...call }: { limit?: number; timeoutMs?: number } = {}): Promise<CronRun[]> {
    return historyOf(this.#client, this.#path, limit, call);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#over;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #takePart(): Promise<void> {
    while (!this.#isStopping) {
      try {
        await this.#takeTurn();
      } catch (error) {
        if (this.#isStopping) return;
        if (ConclaveError.is(error, 'CLIENT_CLOSED')) return;
        this.#complain(error);
        await this.#sleep(retryMs, undefined);
      }
    }
  }

  #complain(error: unknown): void {
    const { onError } = this.#options;
    if (onError === undefined) this.#report(error, 'its turn');
    else this.#tell(() => onError(error), 'onError');
  }

  #report(error: unknown, where: string): void {
    coreOfClient(this.#client).environment.report(error, `cron ${this.name}: ${where}`);
  }

  /** What a listener of the application throws is its own matter, and no failure of the job or of this instance. */
  #tell(listener: () => void, where: string): void {
    try {
      listener();
    } catch (error) {
      this.#report(error, where);
    }
  }

  /** One instance has the job; after each run it goes to the next in the queue, so that all of them have their share. */
  async #takeTurn(): Promise<void> {
    const { ttlMs } = this.#options;
    const lock = await this.#client.lock(`jobs/cron/${this.#path}`, {
      signal: this.#stopping.signal,
      ...(ttlMs !== undefined && { ttlMs }),
    });
    try {
      let state = await this.#present(lock);
      while (!this.#isStopping && !lock.signal.aborted) {
        const at = now(this.#client);
        const due = this.#due(state, at);
        if (this.#isAhead(state, at)) {
          await this.#sleep(retryMs, lock.signal);
          state = await this.#present(lock);
        } else if (due === null) await this.#sleepUntil(this.#schedule.next(state.last), lock.signal);
        else if (due.runs) return await this.#perform(lock, state, due.firing);
        else state = await this.#record(lock, { ...state, last: due.firing });
      }
      lock.signal.throwIfAborted();
    } finally {
      await giveBack(lock);
    }
  }

  /** A job that nobody knew begins now: what would have fired before is not missed. */
  async #present(lock: Lock): Promise<CronState> {
    const state = await readState(this.#client, this.#path);
    return state ?? this.#record(lock, { last: now(this.#client), running: null });
  }

  async #record(lock: Lock, state: CronState): Promise<CronState> {
    const { ok } = await this.#client.txn({ if: [lock.guard()], then: stateSteps(this.#path, state) });
    if (!ok) throw new ConclaveError('LOCK_LOST', `cron ${this.name}: another instance has it by now`);
    return state;
  }

  /** An instance whose clock was wrong decided on firings that are still to come. Told once; `resetCron` undoes it. */
  #isAhead({ last }: CronState, at: Date): boolean {
    const isAhead = last.getTime() - at.getTime() > maxAheadMs;
    if (isAhead && !this.#saidAhead) {
      const why = `everything up to ${last.toISOString()} is decided on, by an instance whose clock was ahead, and it is ${at.toISOString()}`;
      const help = 'nothing runs until then; set that clock right, then `resetCron`';
      this.#complain(new ConclaveError('UNAVAILABLE', `cron ${this.name}: ${why}: ${help}`));
    }
    this.#saidAhead = isAhead;
    return isAhead;
  }

  /** The next firing to decide on: run it, or pass over everything up to it. */
  #due({ last, running }: CronState, at: Date): { readonly firing: Date; readonly runs: boolean } | null {
    // Whoever began it was lost.
    if (running !== null && running.firing > last) return { firing: running.firing, runs: true };
    const { catchUp = 'none', graceMs = defaultGraceMs } = this.#options;
    const firing = catchUp === 'all' ? this.#schedule.next(last) : this.#schedule.latest(at);
    if (firing === null || firing > at || firing <= last) return null;
    return { firing, runs: catchUp !== 'none' || at.getTime() - firing.getTime() <= graceMs };
  }

  async #perform(lock: Lock, state: CronState, firing: Date): Promise<void> {
    const { by, keep, maxAttempts = defaultMaxAttempts, onRun, signal } = this.#options;
    const before = state.running;
    if (before !== null && before.attempt >= maxAttempts) {
      const run: CronRun = { ...abandoned(before, now(this.#client)), firing };
      const { ok } = await this.#client.txn({ if: [lock.guard()], then: outcomeSteps(this.#path, run) });
      if (ok) this.#tell(() => onRun?.(run, null), 'onRun');
      return;
    }
    const begun = {
      by: runner(lock, by),
      fence: lock.fence,
      attempt: (before?.attempt ?? 0) + 1,
      startedAt: now(this.#client),
    };
    const { cause, outcome } = await perform(this.#client, {
      name: this.name,
      what: `cron ${this.name}`,
      lock,
      begun,
      signal,
      begin: () => stateSteps(this.#path, { last: state.last, running: { ...begun, firing } }),
      end: (ended) => outcomeSteps(this.#path, { ...ended, firing }),
      run: (context) => this.#run({ ...context, firing }),
    });
    await trim(this.#client, lock, this.#path, keep);
    this.#tell(() => onRun?.({ ...outcome, firing }, cause), 'onRun');
  }

  async #sleepUntil(next: Date | null, lost: AbortSignal): Promise<void> {
    const leftMs = next === null ? maxSleepMs : next.getTime() - now(this.#client).getTime();
    await this.#sleep(Math.min(maxSleepMs, Math.max(1, leftMs)), lost);
  }

  /** Shorter when this instance takes part no more, or has lost its turn. */
  async #sleep(forMs: number, lost: AbortSignal | undefined): Promise<void> {
    if (this.#isStopping || lost?.aborted === true) return;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        stopTimer();
        stopStopping();
        stopLosing();
        resolve();
      };
      const stopTimer = coreOfClient(this.#client).environment.timers.after(forMs, wake);
      const stopStopping = onAbort(this.#stopping.signal, wake);
      const stopLosing = onAbort(lost, wake);
    });
  }
}
