// What `lock` and `elect` have in common: wait for it, hold it while a command runs or until interrupted, give it back.
import type { Client, Held, LockOptions, Session } from '@conclave/client';
import { ConclaveError, withClient } from './client.ts';
import type { Arguments, Option } from './command.ts';
import { exitCode } from './exit.ts';
import { runHeld } from './held-child.ts';
import { printJson } from './output.ts';

export const holdOptions: Readonly<Record<string, Option>> = {
  'ttl-ms': { type: 'string', value: 'MS', help: 'without a sign of life for so long it is lost (15000)' },
  'wait-ms': { type: 'string', value: 'MS', help: 'give up when it was not granted within this time; exits with 1' },
  'kill-after-ms': { type: 'string', value: 'MS', help: 'between TERM and KILL (2000)' },
};

const defaultTtlMs = 15_000;
const minTtlMs = 1_000;
const maxTtlMs = 300_000;
const releaseTimeoutMs = 5_000;

/** The session that it hangs on, and how long it is waited for. */
type ObtainOptions = LockOptions & { readonly session: Session };

export interface Holding<H extends Held> {
  readonly command: string;
  /** What tells the child which it is. */
  readonly environment: Readonly<Record<string, string>>;
  /** For people. */
  readonly name: string;
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
  /** Undefined: as long as it takes. */
  readonly waitMs: number | undefined;
}

export function timesOf(parsed: Arguments): Times {
  const ttlMs = parsed.number('ttl-ms', minTtlMs, maxTtlMs, defaultTtlMs);
  const killAfterMs = parsed.number('kill-after-ms', 0, ttlMs, Math.min(2_000, ttlMs / 2));
  return { ttlMs, killAfterMs, waitMs: parsed.number('wait-ms', 0, Number.MAX_SAFE_INTEGER) };
}

export async function holdWhile<H extends Held>(parsed: Arguments, holding: Holding<H>): Promise<number> {
  const times = timesOf(parsed);
  return withClient(parsed, (client) => hold(parsed, holding, client, times), 'session');
}

async function hold<H extends Held>(
  parsed: Arguments,
  holding: Holding<H>,
  client: Client,
  { killAfterMs, ttlMs, waitMs }: Times,
): Promise<number> {
  const { command, name } = holding;
  const metadata = { pid: `${process.pid}`, program: `conclave ${command}` };
  // Ended by the client's close, which waits for the cluster a short time only: a cluster that is gone must not keep this process.
  const session = await client.session({ ttlMs, metadata });
  const interrupted = new AbortController();
  const interrupt = (): void => interrupted.abort();
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  const held = await obtain(holding, client, session, waitMs, interrupted.signal);
  if (held === null) {
    if (!interrupted.signal.aborted) console.error(`conclave ${command}: ${name} was not obtained`);
    return exitCode.negative;
  }
  announce(parsed, held, holding.described);
  try {
    if (parsed.rest.length === 0) return await waitForEnd(command, held, interrupted.signal);
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
    const environment = { ...holding.environment, CONCLAVE_FENCE: `${held.fence}` };
    return await runHeld({ command: parsed.rest, environment, session, signal: held.signal, killAfterMs });
  } finally {
    await release(holding, held);
  }
}

async function obtain<H extends Held>(
  holding: Holding<H>,
  client: Client,
  session: Session,
  timeoutMs: number | undefined,
  signal: AbortSignal,
): Promise<H | null> {
  try {
    const waiting = timeoutMs === undefined ? { signal } : { signal, timeoutMs };
    return await holding.obtain(client, { session, ...waiting });
  } catch (error) {
    // A wait that ended leaves nothing behind: the request was taken back.
    const gaveUp = ConclaveError.is(error, 'DEADLINE_EXCEEDED') || ConclaveError.is(error, 'CANCELLED');
    if (gaveUp && (timeoutMs !== undefined || signal.aborted)) return null;
    throw error;
  }
}
/** Standard output belongs to the command, if there is one. */
function announce(parsed: Arguments, { fence, name }: Held, described: Holding<Held>['described']): void {
  const data = { name, fence, ...described };
  const line = parsed.flag('json') ? JSON.stringify(data) : `${name} is held, fence ${fence}`;
  if (parsed.rest.length > 0) console.error(line);
  else if (parsed.flag('json')) printJson(data);
  else console.log(line);
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
  console.error(`conclave ${command}: ${held.name} was lost`);
  return exitCode.holdLost;
}

/** In good order if the cluster can be reached; otherwise the session's end does it. */
async function release<H extends Held>({ command, release: giveBack }: Holding<H>, held: H): Promise<void> {
  try {
    if (!held.signal.aborted) await giveBack(held, { timeoutMs: releaseTimeoutMs });
  } catch (error) {
    if (!ConclaveError.is(error)) throw error;
    console.error(
      `conclave ${command}: ${held.name} could not be released now, and is when its time is up: ${error.message}`,
    );
  }
}
