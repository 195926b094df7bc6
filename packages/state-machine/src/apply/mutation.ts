import { decodeOperation, type Operation, ProtocolError, type Result } from '@conclave/protocol';
import { invariant } from '../damage.ts';
import { compact } from '../keys/compaction.ts';
import { deleteKeys, put } from '../keys/put-delete.ts';
import { txn } from '../keys/txn.ts';
import {
  leaseCheckpoint,
  leaseExpire,
  leaseGrant,
  leaseRevoke,
  sessionAttach,
  sessionClose,
  sessionOpen,
} from '../leases/lease-operations.ts';
import { lockAcquire } from '../locks/lock-acquire.ts';
import { lockConvert } from '../locks/lock-convert.ts';
import { lockBreak, lockCancel, lockDelayEnd, lockRelease, proclaim } from '../locks/lock-operations.ts';
import {
  clusterLevel,
  clusterSet,
  memberAdd,
  memberRole,
  memberSeed,
  memberUpdate,
} from '../members/member-operations.ts';
import { type Response, refusal } from '../response.ts';
import type { State } from '../state.ts';
import type { Draft } from './draft.ts';

/**
 * Null for what the leader proposes by itself: nobody waits for an answer. What cannot be decoded or is over a limit gets an error
 * for an answer, the same on every member, and changes nothing; only damage of our own is thrown.
 */
export function mutate(state: State, draft: Draft, bytes: Uint8Array): Response | null {
  try {
    return run(state, draft, decodeOperation(bytes));
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    invariant(!draft.advances && !draft.membersChanged, `refused after it had changed something: ${error.message}`);
    return refusal(error);
  }
}

function run(state: State, draft: Draft, operation: Operation): Result | null {
  switch (operation.type) {
    case 'put':
      return put(state, draft, operation);
    case 'delete':
      return deleteKeys(state, draft, operation);
    case 'txn':
      return txn(state, draft, operation);
    case 'leaseGrant':
      return leaseGrant(state, draft, operation);
    case 'leaseRevoke':
      return leaseRevoke(state, draft, operation);
    case 'sessionOpen':
      return sessionOpen(state, draft, operation);
    case 'sessionAttach':
      return sessionAttach(state, draft, operation);
    case 'sessionClose':
      return sessionClose(state, draft, operation);
    case 'lockAcquire':
      return lockAcquire(state, draft, operation);
    case 'lockRelease':
      return lockRelease(state, draft, operation);
    case 'lockBreak':
      return lockBreak(state, draft, operation);
    case 'lockCancel':
      return lockCancel(state, draft, operation);
    case 'lockConvert':
      return lockConvert(state, draft, operation);
    case 'proclaim':
      return proclaim(state, draft, operation);
    case 'compact':
      return compact(state, operation);
    case 'memberAdd':
      return memberAdd(state, draft, operation);
    case 'memberUpdate':
      return memberUpdate(state, draft, operation);
    case 'memberRole':
      return memberRole(state, draft, operation);
    case 'clusterSet':
      return clusterSet(state, draft, operation);
    case 'memberSeed':
      memberSeed(state, draft, operation);
      return null;
    case 'clusterLevel':
      clusterLevel(state, draft, operation);
      return null;
    case 'leaseExpire':
      leaseExpire(state, draft, operation);
      return null;
    case 'leaseCheckpoint':
      leaseCheckpoint(state, draft, operation);
      return null;
    case 'lockDelayEnd':
      lockDelayEnd(state, draft, operation);
      return null;
    case 'range':
    case 'lease':
    case 'leaseKeys':
    case 'leases':
    case 'lock':
    case 'lockRequest':
    case 'locks':
    case 'members':
      throw new ProtocolError('INVALID_ARGUMENT', `${operation.type} is a query: it has no place in the log`);
  }
}
