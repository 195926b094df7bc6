import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** What a process has taken since it was started. */
export interface Usage {
  readonly cpuMicros: number;
  /** What they made the kernel write to disks; null: the kernel does not say. */
  readonly writtenBytes: number | null;
}

let ticks = 0;

/** Clock ticks of /proc per second. */
function ticksPerSecond(): number {
  if (ticks === 0) ticks = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  return ticks;
}

export function usageOf(pid: number): Usage {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // Behind the name, which may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const used = Number(fields[11]) + Number(fields[12]);
  return { cpuMicros: (used / ticksPerSecond()) * 1_000_000, writtenBytes: writtenBytes(pid) };
}

export function difference(before: Usage, after: Usage): Usage {
  const { writtenBytes: then } = before;
  const { writtenBytes: now } = after;
  return {
    cpuMicros: after.cpuMicros - before.cpuMicros,
    writtenBytes: then === null || now === null ? null : now - then,
  };
}

function writtenBytes(pid: number): number | null {
  try {
    const match = /^write_bytes: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'));
    return match === null ? null : Number(match[1]);
  } catch {
    return null;
  }
}
