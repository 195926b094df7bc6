import { encodeOperation } from '@conclave/protocol';
import type { SessionCore } from '../session/session-core.ts';

/**
 * Whatever the cluster made of this acquire, waiting or held, it ends there. Sent until it is answered or the session ends, which ends it as
 * well.
 */
export function takeBack(core: SessionCore, sequence: number, what: string): void {
  if (core.isFinal) return;
  const operation = encodeOperation({ type: 'lockCancel', sequence });
  const mutation = { what, operation, reason: null, givesBack: true } as const;
  // It rejects when the session has ended, or the client is closed.
  core.mutate(mutation, { deadlineMs: Number.POSITIVE_INFINITY }).catch(() => {});
}
