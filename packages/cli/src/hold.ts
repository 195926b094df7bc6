// What `lock` and `elect` have in common: wait for it, hold it while a command runs or until interrupted, give it back.
import type { Client, Held, LockOptions, Session } from '@conclave/client';
import { ConclaveError, clientOptions, timeoutOf, withClient } from './client.ts';
import type { Arguments, Option } from './command.ts';
import { onEndSignal } from './end-signals.ts';
import { exitCode, UsageError } from './exit.ts';
import { runHeld } from './held-child.ts';
import { complain, printable, printJson } from './output.ts';

export const holdOptions: Readonly<Record<string, Option>> = {
  ...clientOptions,
  'timeout-ms': {
    type: 'string',
    value: 'MS',
    help: 'how long it may take to reach the cluster and open a session, and to be told no at once where nothing is waited for (10000)',
  },
  'ttl-ms': { type: 'string', value: 'MS', help: 'without a sign of life for so long it is lost (15000)' },
  'wait-ms': {
    type: 'string',
    value: 'MS',
    help: 'how long its turn is waited for, from when there is a session; exits with 1',
  },
  'kill-after-ms': { type: 'string', value: 'MS', help: 'from TERM to KILL, at most half of the ttl (2000)' },
  foreground: {
    type: 'boolean',
    help: 'COMMAND keeps the terminal, and asks for passwords there; what it starts is not ended with it',
  },
};

const defaultTtlMs = 15_000;
const minTtlMs = 1_000;
const maxTtlMs = 300_000;
const releaseTimeoutMs = 5_000;

/** The session that it hangs on, and how long it is waited for. */
type ObtainOptions = LockOptions & {
  readonly session: Session;
  /** Now or not at all: `timeoutMs` is how long the cluster has to say which. */
  readonly isTry: boolean;
};

export interface Holding<H extends Held> {
  readonly command: string;
  /** What tells the child which it is. */
  readonly environment: Readonly<Record<string, string>>;
  /** For people. */
  readonly name: string;
  /** It need not be waited for. */
  readonly canTry: boolean;
  /** What `--json` says beside name and fence. */
  readonly described?: Readonly<Record<string, unknown>>;
  /** Null: it was not to be had at once. */
  readonly obtain: (client: Client, options: ObtainOptions) => Promise<H | null>;
  readonly release: (held: H, options: { readonly timeoutMs: number }) => Promise<void>;
}

/** What was asked for, looked at before anybody is connected to. */
interface Times {
  readonly ttlMs: number;
  readonly killAfterMs: number;
  readonly foreground: boolean;
  /** To reach the cluster. */
  readonly timeoutMs: number;
  /** For its turn. Undefined: as long as it takes. */
  readonly waitMs: number | undefined;
}

/** `minWaitMs`: 0 where not to wait can be said so. */
export function timesOf(parsed: Arguments, minWaitMs: 0 | 1): Times {
  const ttlMs = parsed.number('ttl-ms', minTtlMs, maxTtlMs, defaultTtlMs);
  return {
    ttlMs,
    killAfterMs: killAfterOf(parsed, ttlMs),
    foreground: parsed.flag('foreground'),
    timeoutMs: timeoutOf(parsed),
    waitMs: parsed.number('wait-ms', minWaitMs, Number.MAX_SAFE_INTEGER),
  };
}

/** Renewed three times per ttl, a healthy hold has between two thirds of it left and the whole: TERM at more than half would end it. */
function killAfterOf(parsed: Arguments, ttlMs: number): number {
  const mostMs = Math.floor(ttlMs / 2);
  const killAfterMs = parsed.number('kill-after-ms', 0, maxTtlMs, Math.min(2_000, mostMs));
  if (killAfterMs <= mostMs) return killAfterMs;
  throw new UsageError(
    `--kill-after-ms ${killAfterMs}: at most ${mostMs}, half of the ttl of ${ttlMs} ms, or what is held and well would be ended`,
  );
}

export async function holdWhile<H extends Held>(parsed: Arguments, holding: Holding<H>): Promise<number> {
  const untilMs = performance.now() + timeoutOf(parsed);
  const times = timesOf(parsed, holding.canTry ? 0 : 1);
  return withClient(parsed, (client) => hold(parsed, holding, client, times, untilMs), 'session');
}

async function hold<H extends Held>(
  parsed: Arguments,
  holding: Holding<H>,
  client: Client,
  { foreground, killAfterMs, ttlMs, waitMs }: Times,
  untilMs: number,
): Promise<number> {
  const { command, name } = holding;
  const metadata = { pid: `${process.pid}`, program: `conclave ${command}` };
  const interrupted = new AbortController();
  const stopListening = onEndSignal(() => interrupted.abort());
  // Ended by the client's close, which waits for the cluster a short time only: a cluster that is gone must not keep this process.
  const { signal } = interrupted;
  const leftMs = (): number => Math.max(1, Math.ceil(untilMs - performance.now()));
  const session = await client.session({ ttlMs, metadata, signal, timeoutMs: leftMs() });
  const isTry = parsed.flag('try') || waitMs === 0;
  const timeoutMs = isTry ? leftMs() : waitMs;
  const held = await obtain(holding, client, { session, signal, isTry, ...(timeoutMs !== undefined && { timeoutMs }) });
  if (held === null) {
    if (!interrupted.signal.aborted) complain(`conclave ${command}: ${name} was not obtained`);
    return exitCode.negative;
  }
  announce(parsed, held, holding.described);
  try {
    if (parsed.rest.length === 0) return await waitForEnd(command, held, interrupted.signal);
    if (interrupted.signal.aborted) return exitCode.negative;
    stopListening();
    const { code } = await runHeld({
      command: parsed.rest,
      environment: { ...holding.environment, CONCLAVE_FENCE: `${held.fence}` },
      title: `conclave ${command}: ${name}`,
      signal: held.signal,
      remainingMs: () => held.remainingMs(),
      killAfterMs,
      foreground,
    });
    return code;
  } finally {
    await release(holding, held);
  }
}

async function obtain<H extends Held>(
  holding: Holding<H>,
  client: Client,
  options: ObtainOptions & { readonly signal: AbortSignal },
): Promise<H | null> {
  const { isTry, signal, timeoutMs } = options;
  try {
    return await holding.obtain(client, options);
  } catch (error) {
    // A wait that ended leaves nothing behind: the request was taken back.
    const gaveUp = ConclaveError.is(error, 'DEADLINE_EXCEEDED') && timeoutMs !== undefined && !isTry;
    if (gaveUp || (ConclaveError.is(error, 'CANCELLED') && signal.aborted)) return null;
    throw error;
  }
}

/** Standard output belongs to the command, if there is one. */
function announce(parsed: Arguments, { fence, name }: Held, described: Holding<Held>['described']): void {
  const data = { name, fence, ...described };
  const line = parsed.flag('json') ? JSON.stringify(data) : `${name} is held, fence ${fence}`;
  if (parsed.rest.length > 0) complain(line);
  else if (parsed.flag('json')) printJson(data);
  else console.log(printable(line));
}

/** Until the signal of the caller, or until it is lost. */
async function waitForEnd(command: string, held: Held, interrupted: AbortSignal): Promise<number> {
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
  const { reason } = held.signal;
  complain(`conclave ${command}: ${held.name}: it is lost: ${reason instanceof Error ? reason.message : reason}`);
  return exitCode.holdLost;
}

/** In good order if the cluster can be reached; otherwise the session's end does it. */
async function release<H extends Held>({ command, release: giveBack }: Holding<H>, held: H): Promise<void> {
  try {
    if (!held.signal.aborted) await giveBack(held, { timeoutMs: releaseTimeoutMs });
  } catch (error) {
    if (!ConclaveError.is(error)) throw error;
    complain(
      `conclave ${command}: ${held.name} could not be released now, and is when its time is up: ${error.message}`,
    );
  }
}
