// No process of a test outlives it. An exit hook is not enough, because a test process can itself be killed.
import { spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { join } from 'node:path';
import type { Writable } from 'node:stream';

let line: Writable | undefined;
const guarded = new Set<number>();

/** From now on the process group dies with this process. */
export function guard(group: number): void {
  if (line === undefined) {
    const guardian = spawn(process.execPath, [join(import.meta.dirname, 'guardian.mjs')], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    line = guardian.stdin;
    // Neither may keep the test process alive.
    guardian.unref();
    if (line instanceof Socket) line.unref();
    process.on('exit', killAll);
  }
  guarded.add(group);
  line.write(`+${group}\n`);
}

/** The group has ended: its number may soon belong to somebody else. */
export function release(group: number): void {
  if (guarded.delete(group)) line?.write(`-${group}\n`);
}

function killAll(): void {
  for (const group of guarded) {
    try {
      process.kill(-group, 'SIGKILL');
    } catch {
      // It ended by itself.
    }
  }
}
