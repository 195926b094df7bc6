// All processes that somebody has started, with all that those have started: whoever has the family's name in its environment, which
// is inherited, whatever process group, session or parent it has by now. (Jenkins finds what a build left behind in the same way.)
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { waitFor } from './wait-for.ts';

const variable = 'CONCLAVE_TEST_FAMILIES';
const separator = ',';

/** Far more than the kernel takes to bury a process. */
const endTimeoutMs = 5_000;

export function newFamily(): string {
  return randomUUID();
}

/** For a process that begins the family. It belongs to the families of this one, too. */
export function environmentOf(family: string): Record<string, string> {
  const outer = process.env[variable];
  return { [variable]: outer === undefined ? family : `${outer}${separator}${family}` };
}

/** For a process that belongs to none and outlives them all. */
export function environmentOfNone(): NodeJS.ProcessEnv {
  const { [variable]: _families, ...environment } = process.env;
  return environment;
}

/** From now on everything that this process starts belongs to the family. */
export function startFamily(): string {
  const family = newFamily();
  Object.assign(process.env, environmentOf(family));
  return family;
}

/** Ids of those that run, this process left out. A zombie has no environment any more. */
export function livingOf(family: string): number[] {
  const isOne = (environment: string): boolean => {
    const value = new RegExp(`(?:^|[\\0 ])${variable}=([^\\0 ]*)`).exec(environment)?.[1];
    return value?.split(separator).includes(family) === true;
  };
  return environments()
    .filter(([pid, environment]) => pid !== process.pid && isOne(environment))
    .map(([pid]) => pid);
}

/** kill -9 of all of them, also of those that are stopped, until none is left: one may have started another in between. */
export async function endFamily(family: string): Promise<void> {
  await waitFor(
    () => {
      const living = livingOf(family);
      for (const pid of living) killIfThere(pid);
      return living.length === 0;
    },
    endTimeoutMs,
    () => `killed, but still there: ${livingOf(family).map(commandOf).join('; ')}`,
  );
}

/** For a message: the id and the command line. */
export function commandOf(pid: number): string {
  try {
    return `${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()}`;
  } catch {
    return `${pid}`;
  }
}

export function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function environments(): (readonly [pid: number, environment: string])[] {
  if (process.platform !== 'linux') return environmentsFromPs();
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => [Number(name), environmentFile(name)]);
}

function environmentFile(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch {
    // It has ended, or is somebody else's.
    return '';
  }
}

/** BSD and macOS: the environment stands behind the command line. */
function environmentsFromPs(): (readonly [number, string])[] {
  const table = execFileSync('ps', ['axEww', '-o', 'pid=,command='], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  return table.split('\n').map((line) => [Number.parseInt(line, 10), line]);
}
