import { readFileSync } from 'node:fs';

/** A zombie that nobody has waited for yet runs no more. */
export function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    // It ended in between, or this system has no /proc.
    return process.platform !== 'linux';
  }
}
