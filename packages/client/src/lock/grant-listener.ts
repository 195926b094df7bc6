import type { Broken } from '@conclave/protocol';

/** A request for a lock that waits for its turn. */
export interface GrantListener {
  granted(fence: number): void;
  /** Somebody waits for the hold, perhaps before this side has heard of it. So with `broken`. */
  contended(): void;
  broken(message: Broken): void;
  /** On this connection from now on: a grant of before may have been told to another one. */
  attached(): void;
}
