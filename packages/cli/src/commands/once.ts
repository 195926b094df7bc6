import { hostname } from 'node:os';
import type { Client } from '@conclave/client';
import { JobNotBegun, type OnceContext, type OnceOutcome, once as runOnce } from '@conclave/client/jobs';
import { ConclaveError, withClient } from '../client.ts';
import type { Arguments, Command } from '../command.ts';
import { onEndSignal } from '../end-signals.ts';
import { CommandNotStarted, exitCode, UsageError } from '../exit.ts';
import { runHeld } from '../held-child.ts';
import { holdOptions, timesOf } from '../hold.ts';
import { complain } from '../output.ts';

export const once: Command = {
  name: 'once',
  usage: 'NAME -- COMMAND …',
  summary: [
    'Runs COMMAND unless it was run under this NAME before, here or elsewhere, and tells what became of it. Whoever comes while it runs waits for that.',
    'Its exit code is recorded: 0 is done, every other one has failed. Where COMMAND runs, `once` ends with its exit code; elsewhere with 0 or, if it failed, 1. One that cannot be started ends it with 127 (there is none) or 126, and nothing is recorded.',
    'At least once: when the cluster cannot be reached COMMAND gets TERM, then KILL, and somebody else begins it anew, as when this process is killed. CONCLAVE_ONCE, CONCLAVE_FENCE and CONCLAVE_ATTEMPT are in its environment.',
    '--json, on standard error: {name,ran,state:"done"|"failed",by,fence,attempt,startedAt,endedAt,error?}',
  ].join('\n'),
  options: holdOptions,
  takesCommand: true,
  run: async (parsed) => {
    const [name, ...more] = parsed.positionals;
    if (name === undefined || more.length > 0 || parsed.rest.length === 0) {
      throw new UsageError('once takes a NAME, and the command behind --');
    }
    return withClient(parsed, async (client) => runNamed(parsed, client, name), 'session');
  },
};

async function runNamed(parsed: Arguments, client: Client, name: string): Promise<number> {
  const times = timesOf(parsed, 1);
  const { timeoutMs, ttlMs, waitMs } = times;
  const metadata = { pid: `${process.pid}`, program: 'conclave once' };
  const session = await client.session({ ttlMs, metadata, timeoutMs });
  const interrupted = new AbortController();
  let running = false;
  let isUnwanted = false;
  const interrupt = (): void => {
    isUnwanted = true;
    // While the command runs it gets the signal itself, and may end in good order.
    if (!running) interrupted.abort();
  };
  onEndSignal(interrupt);
  // What the command ended with, here.
  let code: number = exitCode.ok;
  const run = async (context: OnceContext): Promise<{ exitCode: number }> => {
    running = true;
    const end = await runChild(parsed.rest, name, context, times).catch((error: unknown) => {
      throw error instanceof CommandNotStarted ? new JobNotBegun(error.message, { cause: error }) : error;
    });
    code = end.code;
    // That is no outcome.
    if (isUnwanted || end.isCutShort) interrupted.abort();
    interrupted.signal.throwIfAborted();
    if (code !== exitCode.ok) throw new Error(`the command ended with exit code ${code}`);
    return { exitCode: code };
  };
  try {
    const outcome = await runOnce(client, name, run, {
      session,
      signal: interrupted.signal,
      by: `${hostname()} ${process.pid}`,
      ...(waitMs !== undefined && { timeoutMs: waitMs }),
    });
    tell(parsed, name, outcome);
    if (outcome.ran) return code;
    return outcome.state === 'done' ? exitCode.ok : exitCode.negative;
  } catch (error) {
    if (error instanceof JobNotBegun) throw error.cause;
    if (!ConclaveError.is(error)) throw error;
    const gaveUp =
      interrupted.signal.aborted || (error.code === 'DEADLINE_EXCEEDED' && waitMs !== undefined && !running);
    if (!gaveUp) throw error;
    const why = code === exitCode.holdLost ? 'its hold was lost' : 'it was given up';
    complain(`conclave once: ${name}: ${why}; nothing is recorded`);
    return code === exitCode.ok ? exitCode.negative : code;
  }
}

async function runChild(
  command: readonly string[],
  name: string,
  { attempt, fence, remainingMs, signal }: OnceContext,
  { foreground, killAfterMs }: ReturnType<typeof timesOf>,
): ReturnType<typeof runHeld> {
  const environment = { CONCLAVE_ONCE: name, CONCLAVE_FENCE: `${fence}`, CONCLAVE_ATTEMPT: `${attempt}` };
  const title = `conclave once: ${name}`;
  return runHeld({ command, environment, title, signal, remainingMs, killAfterMs, foreground });
}

/** Standard output is the command's. */
function tell(parsed: Arguments, name: string, outcome: OnceOutcome): void {
  const { attempt, by, endedAt, fence, ran, startedAt, state } = outcome;
  if (parsed.flag('json')) {
    const error = state === 'failed' ? { error: outcome.error } : {};
    console.error(JSON.stringify({ name, ran, state, by, fence, attempt, startedAt, endedAt, ...error }));
  } else if (!ran) {
    const how = state === 'done' ? 'it is done' : `it failed: ${outcome.error}`;
    complain(`${name}: ${how}, ${endedAt.toISOString()}, by ${by}`);
  }
}
