/** A rule of the algorithm did not hold. The member stops: going on could lose what was acknowledged. */
export class RaftAssertionError extends Error {
  override readonly name = 'RaftAssertionError';
}

/** Stays on in production: a member that stops is worth more than one that guesses. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new RaftAssertionError(message);
}
