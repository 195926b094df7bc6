import type { Client, Lock } from '@conclave/client';
import { ConclaveError, clientOptions, withClient } from '../client.ts';
import type { Arguments, Command } from '../command.ts';
import { exitCode, UsageError } from '../exit.ts';
import { runHeld } from '../held-child.ts';
import { printJson } from '../output.ts';

export const lock: Command = {
  name: 'lock',
  usage: 'NAME [-- COMMAND …]',
  summary:
    'Waits for a lock, first come first served, and holds it while COMMAND runs, or until it is interrupted. COMMAND gets TERM, then KILL, before the lock can be granted to somebody else.',
  options: {
    'ttl-ms': { type: 'string', value: 'MS', help: 'without a sign of life for so long it is lost (15000)' },
    'wait-ms': { type: 'string', value: 'MS', help: 'give up when it was not granted within this time; exits with 1' },
    try: { type: 'boolean', help: 'do not wait; exits with 1 when somebody holds it' },
    'kill-after-ms': { type: 'string', value: 'MS', help: 'between TERM and KILL (2000)' },
    ...clientOptions,
  },
  run: async (parsed) => {
    const [name, ...more] = parsed.positionals;
    if (name === undefined || more.length > 0) throw new UsageError('lock takes one NAME, and the command behind --');
    return withClient(parsed, (client) => hold(parsed, client, name), 'session');
  },
};

const defaultTtlMs = 15_000;
const minTtlMs = 1_000;
const maxTtlMs = 300_000;

async function hold(parsed: Arguments, client: Client, name: string): Promise<number> {
  const ttlMs = parsed.number('ttl-ms', minTtlMs, maxTtlMs, defaultTtlMs);
  const killAfterMs = parsed.number('kill-after-ms', 0, ttlMs, Math.min(2_000, ttlMs / 2));
  const metadata = { pid: `${process.pid}`, program: 'conclave lock' };
  // Ended by the client's close, which waits for the cluster a short time only: a cluster that is gone must not keep this process.
  const session = await client.session({ ttlMs, metadata });
  const interrupted = new AbortController();
  const interrupt = (): void => interrupted.abort();
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  const held = await obtain(parsed, client, name, session, interrupted.signal);
  if (held === null) {
    if (!interrupted.signal.aborted) console.error(`conclave lock: ${name} was not obtained`);
    return exitCode.negative;
  }
  announce(parsed, held);
  try {
    if (parsed.rest.length === 0) return await waitForEnd(held, interrupted.signal);
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
    const environment = { CONCLAVE_LOCK: name, CONCLAVE_FENCE: `${held.fence}` };
    return await runHeld({ command: parsed.rest, environment, session, signal: held.signal, killAfterMs });
  } finally {
    await release(held);
  }
}

async function obtain(
  parsed: Arguments,
  client: Client,
  name: string,
  session: Awaited<ReturnType<Client['session']>>,
  signal: AbortSignal,
): Promise<Lock | null> {
  if (parsed.flag('try')) return client.tryLock(name, { session });
  const timeoutMs = parsed.number('wait-ms', 0, Number.MAX_SAFE_INTEGER);
  try {
    return await client.lock(name, timeoutMs === undefined ? { session, signal } : { session, signal, timeoutMs });
  } catch (error) {
    // A wait that ended leaves nothing behind: the request was taken back.
    const gaveUp = ConclaveError.is(error, 'DEADLINE_EXCEEDED') || ConclaveError.is(error, 'CANCELLED');
    if (gaveUp && (timeoutMs !== undefined || signal.aborted)) return null;
    throw error;
  }
}

/** Standard output belongs to the command, if there is one. */
function announce(parsed: Arguments, { fence, name }: Lock): void {
  const line = parsed.flag('json') ? JSON.stringify({ name, fence }) : `${name} is held, fence ${fence}`;
  if (parsed.rest.length > 0) console.error(line);
  else if (parsed.flag('json')) printJson({ name, fence });
  else console.log(line);
}

/** Until the signal of the caller, or until it is lost. */
async function waitForEnd(held: Lock, interrupted: AbortSignal): Promise<number> {
  // Nothing else keeps the process alive while a lock is simply held.
  const alive = setInterval(() => {}, 60_000);
  try {
    await new Promise<void>((resolve) => {
      for (const signal of [interrupted, held.signal]) {
        if (signal.aborted) resolve();
        signal.addEventListener('abort', () => resolve(), { once: true });
      }
    });
  } finally {
    clearInterval(alive);
  }
  if (!held.signal.aborted) return exitCode.ok;
  console.error(`conclave lock: ${held.name} was lost`);
  return exitCode.holdLost;
}

/** In good order if the cluster can be reached; otherwise the session's end does it. */
async function release(held: Lock): Promise<void> {
  try {
    if (!held.signal.aborted) await held.release({ timeoutMs: 5_000 });
  } catch (error) {
    if (!ConclaveError.is(error)) throw error;
    console.error(
      `conclave lock: ${held.name} could not be released now, and is when its time is up: ${error.message}`,
    );
  }
}
