// What an operator does with locks that others hold.
import type { Client } from '@conclave/client';
import {
  breakLock,
  inspectLease,
  inspectLock,
  type LockHolderInfo,
  type LockInfo,
  type LockListing,
  type LockWaiterInfo,
  listLocks,
} from '@conclave/client/admin';
import { reasonOf, timeoutOf, withClient } from '../client.ts';
import type { Arguments } from '../command.ts';
import { exitCode, UsageError } from '../exit.ts';
import { complain, printJson, printTable, say } from '../output.ts';
import { takeNothing, takeOne } from './actions.ts';
import { who } from './session.ts';

/** Sessions of so many holders and waiters are looked up: nobody reads more of them. */
const maxNamedSessions = 100;

const kinds = ['lock', 'election', 'semaphore'] as const;
type Kind = (typeof kinds)[number];

type Metadata = Readonly<Record<string, string>>;
type OfSession = Pick<LockWaiterInfo, 'session'>;

function kindOf(parsed: Arguments): Kind {
  const text = parsed.text('kind') ?? 'lock';
  const kind = kinds.find((one) => one === text);
  if (kind === undefined) throw new UsageError(`--kind ${JSON.stringify(text)}: one of ${kinds.join(', ')}`);
  return kind;
}

export async function listAll(parsed: Arguments): Promise<number> {
  takeNothing('lock', parsed);
  const options = { kind: kindOf(parsed), timeoutMs: timeoutOf(parsed) };
  const locks = await withClient(parsed, async (client) => {
    const found: LockListing[] = [];
    for await (const one of listLocks(client, options)) found.push(one);
    return found;
  });
  if (parsed.flag('json')) {
    printJson({
      locks: locks.map(({ delayed, holder, holding, name, waiting }) => {
        return { name, holder, holding, waiting, delayed };
      }),
    });
    return exitCode.ok;
  }
  const rows = locks.map(({ delayed, holder, holding, name, waiting }) => {
    const [session, fence, since] = holder === null ? ['-', '-', '-'] : cellsOf(holder);
    return [name, session, fence, `${holding}`, `${waiting}`, since, delayed ? 'delayed' : ''];
  });
  printTable([['NAME', 'SESSION', 'FENCE', 'HOLDING', 'WAITING', 'SINCE', ''], ...rows]);
  return exitCode.ok;
}

function cellsOf({ fence, session, since }: LockHolderInfo): [string, string, string] {
  return [`${session}`, `${fence}`, since.toISOString()];
}

export async function inspect(parsed: Arguments): Promise<number> {
  const name = takeOne('lock', 'NAME', parsed);
  const options = { kind: kindOf(parsed), timeoutMs: timeoutOf(parsed) };
  const { info, sessions } = await withClient(parsed, async (client) => {
    const found = await inspectLock(client, name, options);
    return {
      info: found,
      sessions: await metadataOf(client, [...found.holders, ...found.queue, ...found.past], options.timeoutMs),
    };
  });
  const named = <T extends OfSession>(one: T): T & { readonly who: Metadata } => {
    return { ...one, who: sessions.get(one.session) ?? {} };
  };
  if (parsed.flag('json')) {
    printJson({ ...info, holders: info.holders.map(named), queue: info.queue.map(named), past: info.past.map(named) });
    return exitCode.ok;
  }
  printInfo(info, (one) => who(named(one).who));
  return exitCode.ok;
}

async function metadataOf(
  client: Client,
  requests: readonly OfSession[],
  timeoutMs: number,
): Promise<ReadonlyMap<number, Metadata>> {
  const ids = [...new Set(requests.map(({ session }) => session))].slice(0, maxNamedSessions);
  const found = await Promise.all(ids.map(async (id) => inspectLease(client, id, { timeoutMs })));
  return new Map(ids.map((id, at) => [id, found[at]?.metadata ?? {}]));
}

function printInfo({ holders, kind, name, past, permits, queue }: LockInfo, whose: (of: OfSession) => string): void {
  say(`${kind} ${name}${permits === null ? '' : `, ${permits} permits`}`);
  const rows: string[][] = [['', 'SESSION', 'MODE', 'FENCE', 'SINCE', '', 'WHO']];
  for (const one of holders) {
    const state = one.delayMs === null ? 'holds' : 'delayed';
    rows.push([state, `${one.session}`, modeOf(one), `${one.fence}`, one.since.toISOString(), '', whose(one)]);
  }
  for (const one of queue) {
    rows.push(['waits', `${one.session}`, modeOf(one), '-', one.since.toISOString(), '', whose(one)]);
  }
  for (const one of past) {
    const { end, fence, session, since, until } = one;
    const how = `${end} ${until.toISOString()}`;
    rows.push(['held', `${session}`, '', `${fence}`, since.toISOString(), how, whose(one)]);
  }
  if (rows.length === 1) say('nobody holds it, and nobody waits');
  else printTable(rows);
}

function modeOf({ count, mode }: LockWaiterInfo): string {
  return mode === 'permits' ? `${count} permits` : mode;
}

export async function breakHold(parsed: Arguments): Promise<number> {
  const name = takeOne('lock', 'NAME --force', parsed);
  if (!parsed.flag('force')) {
    throw new UsageError(
      'lock release takes a hold away from somebody who relies on it: --force says that it is meant',
    );
  }
  const given = parsed.number('fence', 1, Number.MAX_SAFE_INTEGER);
  const options = { kind: kindOf(parsed), timeoutMs: timeoutOf(parsed) };
  if (parsed.flag('all') && given !== undefined) throw new UsageError('either --all or --fence F');
  return withClient(parsed, async (client) => {
    const fences = given === undefined ? fencesOf(await inspectLock(client, name, options)) : [given];
    if (parsed.flag('all')) return breakAll(parsed, client, name, fences, options);
    const [fence, ...more] = fences;
    if (fence === undefined) return notHeld(parsed, name, null);
    if (more.length > 0) {
      const all = fences.join(', ');
      throw new UsageError(
        `${name} is held under the fences ${all}: --fence F says which to end, and --all that it is all`,
      );
    }
    const { broken, delayMs } = await breakOne(parsed, client, name, fence, options);
    if (!broken) return notHeld(parsed, name, fence);
    if (parsed.flag('json')) printJson({ name, fence, broken, delayMs });
    else sayReleased(name, fence, delayMs);
    return exitCode.ok;
  });
}

type BreakOptions = { readonly kind: Kind; readonly timeoutMs: number };

async function breakOne(
  parsed: Arguments,
  client: Client,
  name: string,
  fence: number,
  options: BreakOptions,
): ReturnType<typeof breakLock> {
  return breakLock(client, name, { ...options, fence, now: parsed.flag('now'), ...reasonOf(parsed) });
}

/** Those that hold it at this moment; who comes meanwhile is not meant. */
async function breakAll(
  parsed: Arguments,
  client: Client,
  name: string,
  fences: readonly number[],
  options: BreakOptions,
): Promise<number> {
  const released: { readonly fence: number; readonly delayMs: number }[] = [];
  for (const fence of fences) {
    const { broken, delayMs } = await breakOne(parsed, client, name, fence, options);
    if (broken) released.push({ fence, delayMs });
  }
  if (parsed.flag('json')) printJson({ name, released });
  else for (const { delayMs, fence } of released) sayReleased(name, fence, delayMs);
  if (released.length > 0) return exitCode.ok;
  complain(`conclave lock: ${name}: nobody holds it`);
  return exitCode.negative;
}

function sayReleased(name: string, fence: number, delayMs: number): void {
  const next = delayMs === 0 ? 'the next one is granted now' : `the next one is granted in ${delayMs} ms`;
  say(`${name}, fence ${fence}, is released; ${next}`);
}

/** Of those that hold it. */
function fencesOf({ holders }: LockInfo): number[] {
  return [...new Set(holders.filter(({ delayMs }) => delayMs === null).map(({ fence }) => fence))];
}

function notHeld(parsed: Arguments, name: string, fence: number | null): number {
  if (parsed.flag('json')) printJson({ name, fence, broken: false, delayMs: 0 });
  const what = fence === null ? 'nobody holds it' : `nobody holds it under fence ${fence}`;
  complain(`conclave lock: ${name}: ${what}`);
  return exitCode.negative;
}
