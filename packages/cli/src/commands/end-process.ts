import { exitCode } from '../exit.ts';

/** A stop that has not ended by then hangs on a disk that answers nothing. Whatever was acknowledged is on disk already. */
const stopPatienceMs = 10_000;

/** Ends the process if the stop fails, or does not come to its end. */
export function endProcess(
  stopping: Promise<void>,
  exit: (code: number) => void = (code) => process.exit(code),
  patienceMs: number = stopPatienceMs,
): void {
  // It keeps nothing alive: a process without other work has ended.
  const timer = setTimeout(() => {
    console.error(`conclave server: it has not stopped within ${patienceMs} ms, and ends all the same`);
    exit(exitCode.unavailable);
  }, patienceMs).unref();
  stopping.then(
    () => clearTimeout(timer),
    (error: unknown) => {
      console.error(error);
      exit(exitCode.negative);
    },
  );
}
