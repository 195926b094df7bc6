/** The entry was written by a later version of Conclave. The member must stop: skipping it would fork the state. */
export class UnknownCommandError extends Error {
  override readonly name = 'UnknownCommandError';
}

/**
 * Stored records are missing, damaged or contradict each other. The member must stop serving from this state: it sets `state/` aside
 * and fetches it from a peer.
 */
export class DamagedStateError extends Error {
  override readonly name = 'DamagedStateError';
}

/** A promise of this package or of its caller was broken. A defect: going on would spread it. */
export function invariant(holds: boolean, message: string): asserts holds {
  if (!holds) broken(message);
}

/** For what is checked once an entry: there the message is put together only when it is needed. */
export function broken(message: string): never {
  throw new Error(`state machine: ${message}`);
}
