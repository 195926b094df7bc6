import { execFileSync } from 'node:child_process';
import { root } from '../workspace/packages.ts';

/** The same for everybody who has this commit, and another one for the next. 1 where there is no repository. */
export function seedOfCommit(): number {
  try {
    const commit = execFileSync('git', ['rev-parse', 'HEAD'], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return Number.parseInt(commit.slice(0, 7), 16);
  } catch {
    return 1;
  }
}
