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
} as const;

/** The command line is wrong: the message names what, and what would be right. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
