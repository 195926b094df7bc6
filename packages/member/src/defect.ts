import type { Timers } from './environment.ts';

export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/**
 * What throws in a timer would otherwise throw into nowhere, and the member would go on with half a thought. Everything that a client or a peer can
 * cause is a ProtocolError or PeerProtocolError and was caught before; what is left is damage or a defect, and the member stops.
 */
export function guardedTimers(timers: Timers, failed: (error: Error) => void): Timers {
  const guarded = (run: () => void) => (): void => {
    try {
      run();
    } catch (error) {
      failed(asError(error));
    }
  };
  return {
    after: (delayMs, run) => timers.after(delayMs, guarded(run)),
    soon: (run) => timers.soon(guarded(run)),
  };
}
