// A real process under test: what it prints, how it ends, and the signals that a fault is made of. It leads a process group of its
// own, which signals go to, and a family, which it takes with it when it is disposed of.
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { endFamily, environmentOf, livingOf, newFamily } from './family.ts';
import { guard } from './guardian.ts';

export interface ChildOptions {
  /** Added to that of this process; undefined takes away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** A program other than this Node. */
  readonly program?: string;
}

export interface ChildLine {
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
}

export interface ChildEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Of a process that prints without end the last lines are kept. */
const maxKeptLines = 2_000;
const maxShownLines = 40;
const killTimeoutMs = 5_000;

interface Waiter {
  readonly check: (line: ChildLine) => boolean;
  readonly settle: () => void;
}

export class Child implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #title: string;
  readonly #family = newFamily();
  readonly #lines: ChildLine[] = [];
  readonly #waiters = new Set<Waiter>();
  #end: ChildEnd | undefined;
  #failure: Error | undefined;

  /** `args` as for this Node: flags, a module, and the module's arguments. */
  constructor(args: readonly string[], options: ChildOptions = {}) {
    this.#title = [options.program ?? 'node', ...args].join(' ');
    guard();
    this.#process = spawn(options.program ?? process.execPath, args, {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...environmentOf(this.#family), ...options.env },
      ...(options.cwd !== undefined && { cwd: options.cwd }),
    });
    this.#collect('stdout');
    this.#collect('stderr');
    // `close` comes after `exit` and after the last line.
    this.#process.once('close', (code: number | null, signal: NodeJS.Signals | null) => {
      this.#end = { code, signal };
      for (const waiter of this.#waiters) waiter.settle();
    });
    this.#process.once('error', (error) => {
      this.#failure = error;
    });
  }

  get pid(): number {
    const { pid } = this.#process;
    if (pid === undefined) throw this.#error('did not start');
    return pid;
  }

  /** Undefined while it runs. */
  get end(): ChildEnd | undefined {
    return this.#end;
  }

  /** Ids of everything that runs because of it, itself included, wherever it went. */
  get living(): number[] {
    return livingOf(this.#family);
  }

  get lines(): readonly ChildLine[] {
    return this.#lines;
  }

  /** The first line, printed already or to come, that matches; an error with the whole output when none does. */
  async line(pattern: RegExp, timeoutMs: number): Promise<string> {
    const found = (): string | undefined => this.#lines.find(({ text }) => pattern.test(text))?.text;
    await this.#until(
      (line) => pattern.test(line.text),
      () => found() !== undefined,
      timeoutMs,
    );
    const text = found();
    if (text !== undefined) return text;
    throw this.#error(
      this.#end === undefined ? `printed no ${pattern} in ${timeoutMs} ms` : `ended without ${pattern}`,
    );
  }

  /** How it ended; an error with the output when it still runs after the deadline. */
  async ended(timeoutMs: number): Promise<ChildEnd> {
    await this.#until(
      () => false,
      () => false,
      timeoutMs,
    );
    if (this.#end === undefined) throw this.#error(`still runs after ${timeoutMs} ms`);
    return this.#end;
  }

  /** To the whole group; false when it has ended already. */
  signal(signal: NodeJS.Signals): boolean {
    if (this.#end !== undefined || this.#process.pid === undefined) return false;
    try {
      return process.kill(-this.#process.pid, signal);
    } catch {
      return false;
    }
  }

  /** kill -9 of the group, and the kernel has buried it. What left the group lives on, as it would without a test around it. */
  async kill(): Promise<ChildEnd> {
    this.signal('SIGKILL');
    return this.#end ?? this.ended(killTimeoutMs);
  }

  /** SIGSTOP: nothing of it runs until `resume`, or until what this answers is disposed of. */
  pause(): Disposable {
    this.signal('SIGSTOP');
    return { [Symbol.dispose]: () => this.resume() };
  }

  resume(): void {
    this.signal('SIGCONT');
  }

  output(): string {
    const shown = this.#lines
      .slice(-maxShownLines)
      .map(({ stream, text }) => `  ${stream === 'stderr' ? '!' : ' '} ${text}`);
    return shown.length === 0 ? '  (it printed nothing)' : shown.join('\n');
  }

  /** Whatever state it is in: nothing of it and of what it started is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.pid === undefined) return;
    try {
      await endFamily(this.#family);
      await this.ended(killTimeoutMs);
    } finally {
      // Somebody else may hold their other ends; that must not keep this process.
      this.#process.stdout?.destroy();
      this.#process.stderr?.destroy();
    }
  }

  async #until(check: Waiter['check'], isThere: () => boolean, timeoutMs: number): Promise<void> {
    if (isThere() || this.#end !== undefined) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => waiter.settle(), timeoutMs);
      const waiter: Waiter = {
        check,
        settle: () => {
          clearTimeout(timer);
          this.#waiters.delete(waiter);
          resolve();
        },
      };
      this.#waiters.add(waiter);
    });
  }

  #collect(stream: 'stdout' | 'stderr'): void {
    const input = this.#process[stream];
    if (input === null) return;
    createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY }).on('line', (text) => {
      const line = { stream, text };
      this.#lines.push(line);
      if (this.#lines.length > maxKeptLines) this.#lines.shift();
      for (const waiter of this.#waiters) if (waiter.check(line)) waiter.settle();
    });
  }

  #error(what: string): Error {
    const how = this.#end === undefined ? '' : ` (exit ${this.#end.code ?? this.#end.signal})`;
    return new Error(`${this.#title} ${what}${how}\n${this.output()}`, { cause: this.#failure });
  }
}
