import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConclaveError } from './client.ts';
import { endSignals } from './end-signals.ts';
import { CommandNotStarted, exitCode } from './exit.ts';
import { complain } from './output.ts';
import { ProcessTarget } from './process-target.ts';
import { Watchdog } from './watchdog.ts';

export interface HeldCommand {
  readonly command: readonly string[];
  /** What the hold is called and its fence, for the child to pass on to what it writes. */
  readonly environment: Readonly<Record<string, string>>;
  /** What messages about it begin with. */
  readonly title: string;
  /** Ends when the hold does, for whatever reason. */
  readonly signal: AbortSignal;
  /** Until the hold's own deadline, if nothing more is confirmed. */
  readonly remainingMs: () => number;
  /** Between TERM and KILL, at most. */
  readonly killAfterMs: number;
  /** It stays in this process's group, and has its terminal; only it itself is signalled, and not what it starts. */
  readonly foreground: boolean;
}

export interface HeldEnd {
  readonly code: number;
  /** It was told to end because the hold was lost, or nearly: `code` says so, and not what the command made of it. */
  readonly isCutShort: boolean;
}

/** How often the time that is left is looked at; at the moments of TERM and KILL exactly, since what follows KILL is the next one's grant. */
const checkIntervalMs = 50;

/**
 * Runs a command while something is held, in a process group of its own, so that what it starts ends with it. It gets TERM when the hold ends, or
 * `killAfterMs` before the hold's deadline when its renewals are not confirmed any more; and KILL when `killAfterMs` have passed or the deadline has come,
 * whichever is first: before anybody else can be granted. Resolves when the command has ended. Rejects with CommandNotStarted.
 */
export async function runHeld(plan: HeldCommand): Promise<HeldEnd> {
  return new HeldChild(plan).run();
}

class HeldChild {
  readonly #plan: HeldCommand;
  /** Nobody else is granted before, by what was confirmed while it was held. */
  #safeUntilMs = 0;
  /** Null: it was not told to end, yet. */
  #killAtMs: number | null = null;
  #timer: NodeJS.Timeout | undefined;
  #target: ProcessTarget | null = null;
  readonly #refused = new Set<NodeJS.Signals>();

  constructor(plan: HeldCommand) {
    this.#plan = plan;
  }

  async run(): Promise<HeldEnd> {
    const { command, environment, foreground, signal } = this.#plan;
    const watchdog = new Watchdog(() => {
      this.#tell('its watchdog has ended: if this process is killed now, the command goes on');
    });
    const look = (): void => this.#look();
    const stopListening = this.#listen();
    signal.addEventListener('abort', look, { once: true });
    try {
      const child = start(command, environment, !foreground);
      const ending = ended(child, command);
      if (child.pid !== undefined) {
        this.#target = new ProcessTarget(foreground ? child.pid : -child.pid);
        watchdog.watch(this.#target);
        look();
      }
      const code = await ending;
      if (!foreground) await this.#endTheRest();
      const isCutShort = this.#killAtMs !== null;
      return { code: isCutShort ? exitCode.holdLost : code, isCutShort };
    } finally {
      clearTimeout(this.#timer);
      signal.removeEventListener('abort', look);
      stopListening();
      watchdog.dismiss();
    }
  }

  #listen(): () => void {
    const { foreground } = this.#plan;
    const pass = (name: NodeJS.Signals): void => void this.#send(name);
    // A terminal sends these to all of its foreground group.
    const isPassed = (name: NodeJS.Signals): boolean => !(foreground && (name === 'SIGINT' || name === 'SIGQUIT'));
    const ignore = (): void => {};
    const stop = (): void => this.#stop();
    const goOn = (): void => this.#goOn();
    for (const name of endSignals) process.on(name, isPassed(name) ? pass : ignore);
    process.on('SIGTSTP', stop);
    process.on('SIGCONT', goOn);
    return () => {
      for (const name of endSignals) process.off(name, pass).off(name, ignore);
      process.off('SIGTSTP', stop).off('SIGCONT', goOn);
    };
  }

  /** Who does not run renews nothing: the command stands still with it. A group without a terminal ignores SIGTSTP. */
  #stop(): void {
    if (this.#send('SIGSTOP') !== 'refused') process.kill(process.pid, 'SIGSTOP');
  }

  /** Perhaps long after: what is not held any more does not go on. */
  #goOn(): void {
    this.#look();
    this.#send('SIGCONT');
  }

  #look(): void {
    const { killAfterMs, remainingMs, signal } = this.#plan;
    const nowMs = performance.now();
    const leftMs = signal.aborted ? 0 : remainingMs();
    // Asking may have ended it.
    if (!signal.aborted) {
      this.#safeUntilMs = Math.max(this.#safeUntilMs, nowMs + leftMs);
      if (leftMs <= killAfterMs) this.#end('it could not be renewed', this.#safeUntilMs);
      // It was renewed after all, too late for this command, which has a little more time to end.
      else if (this.#killAtMs !== null) this.#killAtMs = this.#safeUntilMs;
    } else {
      const untilMs = isGrantedLater(signal.reason) ? this.#safeUntilMs : nowMs;
      this.#end(`it is lost: ${messageOf(signal.reason)}`, Math.min(untilMs, nowMs + killAfterMs));
    }
    this.#schedule(leftMs - killAfterMs);
  }

  #schedule(untilTermMs: number): void {
    clearTimeout(this.#timer);
    const dueMs = this.#killAtMs === null ? untilTermMs : this.#killAtMs - performance.now();
    const nextMs = dueMs > 0 ? Math.min(checkIntervalMs, Math.ceil(dueMs)) : checkIntervalMs;
    this.#timer = setTimeout(() => this.#look(), nextMs);
  }

  /** TERM, once; KILL when its time has come, until it has ended. */
  #end(why: string, killAtMs: number): void {
    const leftMs = killAtMs - performance.now();
    if (this.#killAtMs === null) {
      const how = leftMs > 0 ? `TERM, and KILL in ${Math.ceil(leftMs)} ms` : 'KILL';
      this.#tell(`${why}; the command gets ${how}`);
      if (leftMs > 0) this.#send('SIGTERM');
    }
    // What is told to end by two reasons ends by the earlier one.
    this.#killAtMs = Math.min(this.#killAtMs ?? killAtMs, killAtMs);
    if (this.#killAtMs <= performance.now()) this.#send('SIGKILL');
  }

  #send(name: NodeJS.Signals): ReturnType<ProcessTarget['signal']> {
    const delivery = this.#target?.signal(name) ?? 'gone';
    if (delivery === 'refused' && !this.#refused.has(name)) {
      this.#refused.add(name);
      const lost = name === 'SIGKILL' && this.#killAtMs !== null;
      const meaning = lost
        ? '; somebody else may hold it now, and only the fence protects what the command writes'
        : '';
      this.#tell(`the command belongs to another user, does not get ${name} (EPERM), and goes on${meaning}`);
    }
    return delivery;
  }

  /** Whatever it started and left behind must not outlive the hold either. What cannot be ended is waited for. */
  async #endTheRest(): Promise<void> {
    if (this.#send('SIGKILL') !== 'refused') return;
    this.#tell('it is kept until that has ended');
    while (this.#target?.isThere === true && this.#killAtMs === null) await sleep(checkIntervalMs);
  }

  #tell(text: string): void {
    complain(`${this.#plan.title}: ${text}`);
  }
}

function start(
  [file = '', ...args]: readonly string[],
  environment: HeldCommand['environment'],
  detached: boolean,
): ChildProcess {
  try {
    return spawn(file, args, { stdio: 'inherit', detached, env: { ...process.env, ...environment } });
  } catch (error) {
    // Some reasons are thrown, and others told by an event.
    throw new CommandNotStarted(file, error as NodeJS.ErrnoException);
  }
}

async function ended(child: ChildProcess, [file = '']: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(new CommandNotStarted(file, error)));
    child.once('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}

/** An operator ended the hold or its session, and what was held rests for as long as the holder's deadline may be away. */
function isGrantedLater(reason: unknown): boolean {
  if (!ConclaveError.is(reason, 'LOCK_LOST')) return false;
  const { delayMs } = reason.details;
  if (typeof delayMs === 'number') return delayMs > 0;
  return ConclaveError.is(reason.cause, 'SESSION_EXPIRED') && reason.cause.message.endsWith('has ended: revoked');
}

function messageOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}
