import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Session } from '@conclave/client';
import { CommandNotStarted, exitCode } from './exit.ts';

export interface ChildOptions {
  readonly command: readonly string[];
  /** What the hold is called and its fence, for the child to pass on to what it writes. */
  readonly environment: Readonly<Record<string, string>>;
  readonly session: Session;
  /** Ends when the hold does, for whatever reason. */
  readonly signal: AbortSignal;
  /** Between TERM and KILL, when the hold is about to be lost. */
  readonly killAfterMs: number;
}

/** How often the time that is left is looked at; at the moments of TERM and KILL exactly, since what follows KILL is the next one's grant. */
const checkIntervalMs = 50;

/**
 * Runs a command while something is held, in a process group of its own, so that what it starts ends with it. When the hold's time runs out
 * (its renewals are not confirmed any more), the group gets TERM `killAfterMs` before the deadline and KILL at the deadline: before
 * anybody else can be granted. Resolves to the exit code. Rejects with CommandNotStarted.
 */
export async function runHeld({ command, environment, killAfterMs, session, signal }: ChildOptions): Promise<number> {
  const [file = '', ...args] = command;
  const child = spawn(file, args, { stdio: 'inherit', detached: true, env: { ...process.env, ...environment } });
  let lost = false;
  let warned = false;
  let timer: NodeJS.Timeout | undefined;
  const check = (): void => {
    const leftMs = signal.aborted ? 0 : session.remainingMs();
    const dueMs = leftMs > killAfterMs ? leftMs - killAfterMs : leftMs;
    clearTimeout(timer);
    timer = setTimeout(check, Math.max(1, Math.min(checkIntervalMs, dueMs)));
    if (leftMs > killAfterMs) return;
    lost = true;
    if (leftMs <= 0) endGroup(child, 'SIGKILL');
    else if (!warned) endGroup(child, 'SIGTERM');
    warned = true;
  };
  check();
  signal.addEventListener('abort', check, { once: true });
  const pass = (name: NodeJS.Signals): void => endGroup(child, name);
  const passed = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of passed) process.on(name, pass);
  try {
    const code = await ended(child, file);
    // Whatever it started and left behind must not outlive the hold either.
    endGroup(child, 'SIGKILL');
    return lost ? exitCode.holdLost : code;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', check);
    for (const name of passed) process.off(name, pass);
  }
}

async function ended(child: ChildProcess, command: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(new CommandNotStarted(command, error)));
    child.once('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}

function endGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // The group is gone already.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
