// How tests start the `conclave` command: as users do, from dist/, where that is what the sources say; otherwise from the sources, which
// need no build but four times the time to start.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Child, type ChildOptions } from './child.ts';

const packages = join(import.meta.dirname, '../../..');
const runtimePackages = ['protocol', 'core', 'state-machine', 'storage', 'member', 'server', 'client', 'cli'];

const built = join(packages, 'cli/bin/conclave.js');
const source = join(packages, 'cli/src/main.ts');

/** Arguments for Node, before those of the command. */
const programArguments: readonly string[] = isBuilt()
  ? [built]
  : ['--import', import.meta.resolve('tsx'), '--conditions=conclave-source', source];

/** For a Node of one's own, under a tracer for example. */
export function conclaveArguments(args: readonly string[]): string[] {
  return [...programArguments, ...args];
}

export function conclave(args: readonly string[], options: ChildOptions = {}): Child {
  return new Child(conclaveArguments(args), options);
}

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end. */
export async function runConclave(args: readonly string[], options: ChildOptions = {}): Promise<Finished> {
  await using child = conclave(args, options);
  const { code } = await child.ended(commandTimeoutMs);
  return { code, stdout: printed(child, 'stdout'), stderr: printed(child, 'stderr') };
}

/** Far more than any command takes on a loaded machine. */
const commandTimeoutMs = 30_000;

export function printed(child: Child, stream: 'stdout' | 'stderr'): string {
  return child.lines
    .filter((line) => line.stream === stream)
    .map(({ text }) => text)
    .join('\n');
}

/** No source is newer than what was built of it. */
function isBuilt(): boolean {
  return runtimePackages.every((name) => {
    const folder = join(packages, name);
    return readdirSync(join(folder, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts') && !path.endsWith('.test-driver.ts'))
      .every((path) => {
        const output = join(folder, 'dist', path.replace(/\.ts$/, '.js'));
        return existsSync(output) && statSync(output).mtimeMs >= statSync(join(folder, 'src', path)).mtimeMs;
      });
  });
}
