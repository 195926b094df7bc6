const listening = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls back once when `signal` aborts, unless what is returned was called before. A signal gets one listener however many wait for it: Node warns of
 * a leak from the eleventh on, and callers do share one signal among many calls.
 */
export function onAbort(signal: AbortSignal | undefined, run: () => void): () => void {
  if (signal === undefined) return () => {};
  const there = listening.get(signal);
  const waiting = there ?? new Set();
  if (there === undefined) {
    listening.set(signal, waiting);
    signal.addEventListener('abort', () => {
      // One that another takes back is not called any more: a set does not visit what was deleted.
      for (const one of waiting) one();
      waiting.clear();
    });
  }
  waiting.add(run);
  return () => {
    waiting.delete(run);
  };
}
