import { type ChildProcess, spawn } from 'node:child_process';
import type { ProcessTarget } from './process-target.ts';

/** Reads whom to watch, then that it is over. The end of its input instead means that whoever would have said so is gone. */
const script = 'read -r target && ! read -r over && kill -s KILL -- "$target"';

/**
 * Ends a command whose guardian is killed: a process of its own on the other end of a pipe, which the kernel closes with the guardian, however that
 * ends. Nobody is left then who knows how much time the hold has, so it is KILL at once.
 */
export class Watchdog {
  readonly #process: ChildProcess;
  #isDismissed = false;

  /** `gone`: it does not watch any more, or never did. */
  constructor(gone: () => void) {
    const watching = spawn('/bin/sh', ['-c', script, 'conclave-watchdog'], {
      stdio: ['pipe', 'ignore', 'ignore'],
      // What is meant for the guardian's group must not end it.
      detached: true,
    });
    const end = (): void => {
      if (!this.#isDismissed) gone();
      this.#isDismissed = true;
    };
    watching.once('error', end);
    watching.once('exit', end);
    // Who has ended reads nothing; `exit` tells it.
    watching.stdin?.on('error', () => {});
    watching.unref();
    this.#process = watching;
  }

  watch({ id }: ProcessTarget): void {
    this.#process.stdin?.write(`${id}\n`);
  }

  dismiss(): void {
    this.#isDismissed = true;
    this.#process.stdin?.end('over\n');
  }
}
