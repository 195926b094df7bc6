import { join } from 'node:path';
import { Child } from '../processes/child.ts';
import { root } from '../workspace/packages.ts';

/** Programs run from the packages' sources, as the tests do. */
const fromSource = ['--import', 'tsx', '--conditions=conclave-source'];

const printTimeoutMs = 30_000;

/** A program of docs/examples as a process. */
export function program(name: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Child {
  return new Child([...fromSource, join(root, 'docs/examples', name), ...args], { cwd: root, env });
}

/** The first match of a pattern in what a process prints. */
export async function printed(child: Child, pattern: RegExp): Promise<string> {
  const line = await child.line(pattern, printTimeoutMs);
  return pattern.exec(line)?.[1] ?? line;
}
