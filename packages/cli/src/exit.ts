/** What the process tells a script. The same for every command. */
export const exitCode = {
  ok: 0,
  /** A negative answer: absent, lost compare, not obtained. */
  negative: 1,
  usage: 2,
  unavailable: 3,
  outcomeUnknown: 4,
  refusedByLimit: 5,
  holdLost: 6,
  /** Nobody reads what is printed: as a shell says it of a program that SIGPIPE ended. */
  notRead: 141,
} as const;

/** What shells end with when there is no such command, and when it cannot be executed. */
const notFound = 127;
const notExecutable = 126;

/** The command behind `--` did not start. */
export class CommandNotStarted extends Error {
  override readonly name = 'CommandNotStarted';
  readonly exitCode: number;

  constructor(command: string, { code, message }: NodeJS.ErrnoException) {
    super(
      code === 'ENOENT' ? `${command}: there is no such command` : `${command}: it could not be started: ${message}`,
    );
    this.exitCode = code === 'ENOENT' ? notFound : notExecutable;
  }
}

/** The command line is wrong: the message names what, and what would be right. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
