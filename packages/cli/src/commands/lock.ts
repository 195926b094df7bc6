import type { Client, LockMode } from '@conclave/client';
import { reasonOption } from '../client.ts';
import type { Arguments, Command } from '../command.ts';
import { UsageError } from '../exit.ts';
import { type Holding, holdOptions, holdWhile } from '../hold.ts';
import { breakHold, inspect, listAll } from './lock-actions.ts';

const maxPermits = 1_000_000;

/** Words that are names, too, where a command stands behind `--`. */
const actions: Readonly<Record<string, (parsed: Arguments) => Promise<number>>> = {
  list: listAll,
  inspect,
  release: breakHold,
};

type Obtain = Holding<Awaited<ReturnType<Client['lockAll']>>>['obtain'];

export const lock: Command = {
  name: 'lock',
  usage: 'NAME… [-- COMMAND …] | list | inspect NAME | release NAME --force',
  summary: [
    'Waits for a lock, first come first served, and holds it while COMMAND runs, or until it is interrupted. COMMAND gets TERM, then KILL, before the lock can be granted to somebody else, and INT, TERM, HUP and QUIT from this process; it ends with this process, however that ends.',
    'Several NAMEs are granted together or not at all. --json: {name,fence}, of several {name,fence,names}; on standard error when there is a COMMAND.',
    '  list     what is held or awaited              --json: {locks:[{name,holder,holding,waiting,delayed}]}',
    '  inspect  who holds, waits, and held before    --json: {kind,name,permits,holding,holders,waiting,queue,past}; a HOLD has session, sequence, mode, count, since, fence; who: metadata of its session, as long as that lives',
    '  release  ends the hold of somebody else, who is told. The next one is granted after the ttl of the holder, by when its signal has aborted. --json: {name,fence,broken,delayMs}, with --all {name,released:[{fence,delayMs}]}; exits with 1 when nobody holds it',
    'A lock that is called list, inspect or release can be held with a COMMAND only.',
  ].join('\n'),
  options: {
    try: { type: 'boolean', help: 'do not wait, as --wait-ms 0; exits with 1 when somebody holds it' },
    shared: { type: 'boolean', help: 'together with others that share it' },
    permits: { type: 'string', value: 'N', help: 'NAME is a semaphore of N permits, instead of a lock' },
    count: { type: 'string', value: 'K', help: 'with --permits: so many of them (1)' },
    kind: { type: 'string', value: 'KIND', help: 'list, inspect, release: lock (default), election or semaphore' },
    force: { type: 'boolean', help: 'release: it is meant' },
    now: { type: 'boolean', help: 'release: do not wait out the ttl; only the fence protects what was held' },
    fence: { type: 'string', value: 'F', help: 'release: this hold and no later one' },
    all: { type: 'boolean', help: 'release: every hold, where several share it' },
    ...reasonOption,
    ...holdOptions,
  },
  takesCommand: true,
  run: async (parsed) => {
    const [name = ''] = parsed.positionals;
    const action = parsed.rest.length === 0 && Object.hasOwn(actions, name) ? actions[name] : undefined;
    return action === undefined ? holdNamed(parsed) : action(parsed);
  },
};

async function holdNamed(parsed: Arguments): Promise<number> {
  for (const option of ['kind', 'force', 'now', 'fence', 'all', 'reason']) {
    if (parsed.has(option)) throw new UsageError(`--${option} belongs to lock list, inspect or release`);
  }
  const names = parsed.positionals;
  const [name] = names;
  if (name === undefined) throw new UsageError('lock takes a NAME, or several, and the command behind --');
  return holdWhile(parsed, {
    command: 'lock',
    canTry: true,
    environment: { CONCLAVE_LOCK: names.join('\n') },
    name: names.join(', '),
    ...(names.length > 1 ? { described: { names } } : {}),
    obtain: names.length > 1 ? ofSeveral(parsed, names) : ofOne(parsed, name),
    release: async (held, options) => held.release(options),
  });
}

function modeOf(parsed: Arguments): LockMode {
  return parsed.flag('shared') ? 'shared' : 'exclusive';
}

function ofSeveral(parsed: Arguments, names: readonly string[]): Obtain {
  for (const option of ['permits', 'count']) {
    if (parsed.has(option)) throw new UsageError(`--${option} takes one NAME`);
  }
  const mode = modeOf(parsed);
  const wanted = names.map((name) => ({ name, mode }));
  return async (client, { isTry, ...options }) =>
    isTry ? client.tryLockAll(wanted, options) : client.lockAll(wanted, options);
}

function ofOne(parsed: Arguments, name: string): Obtain {
  const permits = parsed.number('permits', 1, maxPermits);
  const count = parsed.number('count', 1, maxPermits);
  if (permits === undefined) {
    if (count !== undefined) throw new UsageError('--count is of permits: --permits N says how many there are');
    const mode = modeOf(parsed);
    return async (client, { isTry, ...options }) =>
      isTry ? client.tryLock(name, { ...options, mode }) : client.lock(name, { ...options, mode });
  }
  if (parsed.flag('shared')) throw new UsageError('--shared and --permits: a semaphore is shared by its permits');
  if (count !== undefined && count > permits) throw new UsageError(`--count ${count}: there are ${permits} permits`);
  const wanted = count === undefined ? {} : { count };
  return async (client, { isTry, ...options }) => {
    const semaphore = client.semaphore(name, { permits });
    return isTry ? semaphore.tryAcquire({ ...options, ...wanted }) : semaphore.acquire({ ...options, ...wanted });
  };
}
