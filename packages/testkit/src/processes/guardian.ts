// No process and no directory of a test outlives it. An exit hook is not enough, because a test process can itself be killed; and what
// is still there when a test process ends in an orderly way was forgotten by a test, which is a failure.
import { spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { commandOf, environmentOfNone, livingOf, startFamily } from './family.ts';

interface Guardian {
  /** Of whatever this process starts from then on. */
  readonly family: string;
  readonly line: Writable;
}

let guardian: Guardian | undefined;

/** From now on, whatever this process starts ends with it. */
export function guard(): Guardian {
  guardian ??= startGuardian();
  return guardian;
}

/** From now on the directory goes when this process has ended. */
export function guardDirectory(path: string): void {
  guard().line.write(`+${path}\n`);
}

/** It is gone already. */
export function releaseDirectory(path: string): void {
  guardian?.line.write(`-${path}\n`);
}

function startGuardian(): Guardian {
  const family = startFamily();
  const program = join(import.meta.dirname, 'guardian.process.ts');
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), program, family], {
    detached: true,
    stdio: ['pipe', 'ignore', 'inherit'],
    // Whoever ends this process and all around it must leave it its work.
    env: environmentOfNone(),
  });
  // Neither may keep the test process alive.
  child.unref();
  if (child.stdin instanceof Socket) child.stdin.unref();
  process.on('exit', () => {
    const left = livingOf(family);
    if (left.length === 0) return;
    console.error(`left behind by a test:\n${left.map((pid) => `  ${commandOf(pid)}`).join('\n')}`);
    process.exitCode = 1;
  });
  return { family, line: child.stdin };
}
