import { ProtocolError } from '@conclave/protocol';
import type { Draft } from '../apply/draft.ts';
import { maxElectionValueBytes } from '../bounds.ts';
import type { SessionLease } from '../leases/lease.ts';

export function sessionOfDraft(draft: Draft, operation: string): SessionLease {
  if (draft.session === null) throw new ProtocolError('INVALID_ARGUMENT', `${operation} needs a session`);
  return draft.session;
}

export function checkElectionValue(value: Uint8Array | null): void {
  if (value === null || value.length <= maxElectionValueBytes) return;
  throw new ProtocolError(
    'TOO_LARGE',
    `value: ${value.length} bytes; an election publishes at most ${maxElectionValueBytes}`,
    'not-applied',
    { limit: maxElectionValueBytes },
  );
}
