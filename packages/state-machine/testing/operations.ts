// Short forms, so that a test shows what it is about.
import type {
  Compact,
  Delete,
  KeyRange,
  LeaseExpire,
  LockAcquire,
  LockClaim,
  LockName,
  LockRelease,
  LockRequestId,
  Proclaim,
  Put,
  Range,
  SessionAttach,
  SessionOpen,
  Txn,
} from '@conclave/protocol';
import { bytes } from './plain.ts';

export function put(key: string, value: string, more: Partial<Put> = {}): Put {
  return { type: 'put', key: bytes(key), value: bytes(value), lease: null, returnPrevious: false, ...more };
}

export function one(key: string): KeyRange {
  return { key: bytes(key), end: null };
}

export function between(key: string, end: string): KeyRange {
  return { key: bytes(key), end: bytes(end) };
}

export const everything: KeyRange = between('', '');

export function remove(of: KeyRange, returnPrevious = false): Delete {
  return { type: 'delete', range: of, returnPrevious };
}

export function range(of: KeyRange, more: Partial<Range> = {}): Range {
  return {
    type: 'range',
    range: of,
    revision: null,
    limit: 0,
    order: 'ascending',
    keysOnly: false,
    countOnly: false,
    modifiedSince: null,
    ...more,
  };
}

export function txn(then: Txn['then'], more: Partial<Txn> = {}): Txn {
  return { type: 'txn', compares: [], then, else: [], ...more };
}

/** `secret`: two sessions have two. */
export function sessionOpen(secret = 1, ttlMs = 10_000): SessionOpen {
  return { type: 'sessionOpen', ttlMs, secretHash: new Uint8Array(32).fill(secret), metadata: { name: 'test' } };
}

/** `secret`: as in `sessionOpen`. */
export function sessionAttach(...sessions: { session: number; epoch: number; secret?: number }[]): SessionAttach {
  return {
    type: 'sessionAttach',
    sessions: sessions.map(({ epoch, secret = 1, session: id }) => {
      return { session: id, secretHash: new Uint8Array(32).fill(secret), epoch };
    }),
  };
}

export function lock(name: string): LockName {
  return { kind: 'lock', name: bytes(name) };
}

export function election(name: string): LockName {
  return { kind: 'election', name: bytes(name) };
}

export function semaphore(name: string): LockName {
  return { kind: 'semaphore', name: bytes(name) };
}

/** Exclusive; of an election as a candidate. */
export function acquire(name: LockName, more: Partial<LockAcquire> = {}): LockAcquire {
  const value = name.kind === 'election' ? bytes('candidate') : null;
  return acquireAll([{ mode: 'exclusive', name }], { value, ...more });
}

export function acquireAll(claims: readonly LockClaim[], more: Partial<LockAcquire> = {}): LockAcquire {
  return { type: 'lockAcquire', claims, wait: true, value: null, lockDelayMs: 0, keeping: [], ...more };
}

export function share(name: LockName, more: Partial<LockAcquire> = {}): LockAcquire {
  return acquireAll([{ mode: 'shared', name }], more);
}

export function permits(name: LockName, count: number, limit: number, more: Partial<LockAcquire> = {}): LockAcquire {
  return acquireAll([{ mode: 'permits', name, limit, count }], more);
}

export function release(sequence: number, fence: number, heir: LockRequestId | null = null): LockRelease {
  return { type: 'lockRelease', sequence, fence, heir };
}

export function proclaim(name: LockName, fence: number, value: string): Proclaim {
  return { type: 'proclaim', name, fence, value: bytes(value) };
}

export function compact(revision: number): Compact {
  return { type: 'compact', revision };
}

export function expire(lease: number, term: number, generation = 1): LeaseExpire {
  return { type: 'leaseExpire', lease, generation, term };
}

export function session(id: number, sequence: number, acknowledgedBelow = 1, epoch = 0): { identity: SessionCommand } {
  return { identity: { by: 'session', session: id, sequence, acknowledgedBelow, epoch } };
}

interface SessionCommand {
  readonly by: 'session';
  readonly session: number;
  readonly sequence: number;
  readonly acknowledgedBelow: number;
  readonly epoch: number;
}
