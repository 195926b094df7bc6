import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';

const stopPatienceMs = 10_000;
const shownLogBytes = 2_000;

const running = new Set<ChildProcess>();

// Whatever ends this process ends what it started, by its id.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  process.on(signal, () => process.exit(code));
}

/** A process that runs until it is stopped. What it says goes to a file. */
export class RunningProcess {
  readonly #child: ChildProcess;
  readonly #logFile: string;

  constructor(command: string, parameters: readonly string[], logFile: string) {
    this.#logFile = logFile;
    const log = openSync(logFile, 'a');
    this.#child = spawn(command, parameters, { stdio: ['ignore', 'pipe', log] });
    closeSync(log);
    running.add(this.#child);
    this.#child.once('exit', () => running.delete(this.#child));
    // Told by `exit` as well, or by whoever waits for it.
    this.#child.on('error', () => running.delete(this.#child));
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** The end of what it said, for a message. */
  get lastWords(): string {
    return readFileSync(this.#logFile, 'utf8').slice(-shownLogBytes);
  }

  /** The first line of its standard output. Rejects when it ends before. */
  async firstLine(): Promise<string> {
    const { stdout } = this.#child;
    if (stdout === null) throw new Error('its output is not read');
    let said = '';
    for await (const chunk of stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
      said += String(chunk);
      const end = said.indexOf('\n');
      if (end < 0) continue;
      stdout.resume();
      return said.slice(0, end);
    }
    throw new Error(`it ended before it was ready:\n${this.lastWords}`);
  }

  async stop(): Promise<void> {
    if (this.hasEnded || this.#child.pid === undefined) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), stopPatienceMs);
    await ended;
    clearTimeout(timer);
  }
}

/** Runs to its end; what it said on its standard output. Rejects with what it said on the other. */
export async function output(
  command: string,
  parameters: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<string> {
  const child = spawn(command, parameters, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  });
  running.add(child);
  let said = '';
  let complained = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (complained += chunk));
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0) throw new Error(`${command} ended with ${code}: ${complained.slice(-shownLogBytes)}`);
    return said;
  } finally {
    running.delete(child);
  }
}
