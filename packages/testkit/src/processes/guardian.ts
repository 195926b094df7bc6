// No process and no directory of a test outlives it. An exit hook is not enough, because a test process can itself be killed; and what
// is still there when a test process ends in an orderly way was forgotten by a test, which is a failure.
import { spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { commandOf, livingOf, startFamily } from './family.ts';

let line: Writable | undefined;

/** From now on, whatever this process starts ends with it. */
export function guard(): Writable {
  line ??= startGuardian();
  return line;
}

/** From now on the directory goes when this process has ended. */
export function guardDirectory(path: string): void {
  guard().write(`+${path}\n`);
}

/** It is gone already. */
export function releaseDirectory(path: string): void {
  line?.write(`-${path}\n`);
}

function startGuardian(): Writable {
  // It must not belong to the family that it ends; so its own environment is from before.
  const environment = { ...process.env };
  const family = startFamily();
  const program = join(import.meta.dirname, 'guardian.process.ts');
  const guardian = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), program, family], {
    detached: true,
    stdio: ['pipe', 'ignore', 'inherit'],
    env: environment,
  });
  // Neither may keep the test process alive.
  guardian.unref();
  if (guardian.stdin instanceof Socket) guardian.stdin.unref();
  process.on('exit', () => {
    const left = livingOf(family);
    if (left.length === 0) return;
    console.error(`left behind by a test:\n${left.map((pid) => `  ${commandOf(pid)}`).join('\n')}`);
    process.exitCode = 1;
  });
  return guardian.stdin;
}
