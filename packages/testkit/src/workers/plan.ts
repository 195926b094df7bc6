// What a worker process is told on its command line.

export interface WorkerPlan {
  readonly name: string;
  readonly endpoints: readonly string[];
  readonly kind: 'lock' | 'election';
  /** Of the lock or the election. */
  readonly subject: string;
  readonly ttlMs: number;
  readonly lockDelayMs: number;
  /** Of the fenced resource. */
  readonly resourceUrl: string;
  /** A file that does not exist yet: everything that the worker sees, as it sees it. */
  readonly history: string;
  /** After so many uses it gives back what it holds, and stands again. 0: it never does. */
  readonly usesOfAHold: number;
}

/** One key that all workers write, each write under the guard of what it holds: the cluster itself is a fenced resource, too. */
export function guardedKey(subject: string): string {
  return `guarded/${subject}`;
}
