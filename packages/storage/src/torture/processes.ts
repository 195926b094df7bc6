// Members in processes of their own, which can be killed.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

const flags = ['--import', 'tsx', '--conditions=conclave-source'];

/** Runs a script of this folder; `prefix` is a command that runs it, such as strace. */
export function start(script: string, args: readonly string[], prefix: readonly string[] = []): ChildProcess {
  const command = [...prefix, process.execPath, ...flags, new URL(script, import.meta.url).pathname, ...args];
  return spawn(command[0]!, command.slice(1), {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
}

/** The lines that a process prints, as they come. */
export function linesOf(child: ChildProcess): AsyncIterable<string> {
  return createInterface({ input: child.stdout! });
}

export async function exited(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

/** False when the machine lacks a command: then a test is skipped by name. */
export function hasCommand(name: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${name}`]).status === 0;
}
