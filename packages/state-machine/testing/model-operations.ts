// What each operation does to the model.
import { type Compare, type Operation, ProtocolError, type Result, type Txn } from '@conclave/protocol';
import type { Model } from './model.ts';
import { endRequests, holdsOf, mine, runOnLocks } from './model-locks.ts';
import { runOnMembers } from './model-members.ts';
import { find, holdsInModel, inRange, readModel } from './model-store.ts';
import { hex } from './plain.ts';

export function runInModel(model: Model, operation: Operation): Result | null {
  switch (operation.type) {
    case 'put': {
      mustExist(model, operation.lease);
      const previous = operation.returnPrevious ? find(model.entries, operation.key) : null;
      model.write(operation.key, operation.value, operation.lease, false);
      return { type: 'put', revision: model.reached, previous };
    }
    case 'delete': {
      const doomed = model.entries.filter(({ key }) => inRange(operation.range, key));
      for (const { key } of doomed) model.remove(key, 'delete');
      const previous = operation.returnPrevious ? doomed : [];
      return { type: 'delete', revision: model.reached, deleted: doomed.length, previous };
    }
    case 'txn':
      return runTxn(model, operation);
    case 'leaseGrant':
      model.leases = [
        ...model.leases,
        { id: model.nextLease, ttlMs: operation.ttlMs, remainingMs: null, session: null },
      ];
      return { type: 'leaseGrant', lease: model.nextLease++, ttlMs: operation.ttlMs };
    case 'sessionOpen': {
      const secret = hex(operation.secretHash);
      const known = model.leases.find((lease) => lease.session?.secret === secret);
      model.isRepeat = known !== undefined;
      if (known !== undefined) return { type: 'sessionOpen', session: known.id, ttlMs: known.ttlMs };
      const session = { secret, acknowledgedBelow: 1, epoch: 0, metadata: operation.metadata, answers: new Map() };
      model.leases = [...model.leases, { id: model.nextLease, ttlMs: operation.ttlMs, remainingMs: null, session }];
      return { type: 'sessionOpen', session: model.nextLease++, ttlMs: operation.ttlMs };
    }
    case 'sessionAttach': {
      const sessions = operation.sessions.map(({ epoch, secretHash, session: id }) => {
        const lease = model.leases.find((one) => one.id === id && one.session?.secret === hex(secretHash));
        if (lease === undefined || lease.session === null || epoch <= lease.session.epoch)
          return { session: id, ttlMs: null };
        lease.session.epoch = epoch;
        model.notifications.push({ type: 'sessionMoved', session: id, epoch });
        return { session: id, ttlMs: lease.ttlMs };
      });
      return { type: 'sessionAttach', sessions };
    }
    case 'leaseRevoke': {
      const existed = model.leases.some(({ id }) => id === operation.lease);
      if (existed) endLease(model, operation.lease, 'revoked');
      return { type: 'leaseRevoke', revision: model.reached, existed };
    }
    case 'sessionClose': {
      const existed = model.session(operation.session) !== null;
      if (existed) endLease(model, operation.session, mine(model) === operation.session ? 'closed' : 'revoked');
      return { type: 'leaseRevoke', revision: model.reached, existed };
    }
    case 'leaseExpire': {
      const exists = model.leases.some(({ id }) => id === operation.lease);
      if (exists && operation.generation === 1 && operation.term === model.term)
        endLease(model, operation.lease, 'expired');
      return null;
    }
    case 'leaseCheckpoint':
      if (operation.term !== model.term) return null;
      for (const { lease: id, remainingMs } of operation.leases) {
        model.leases = model.leases.map((lease) => (lease.id === id ? { ...lease, remainingMs } : lease));
      }
      return null;
    case 'lockAcquire':
    case 'lockRelease':
    case 'lockBreak':
    case 'lockCancel':
    case 'lockConvert':
    case 'lockDelayEnd':
    case 'proclaim':
      return runOnLocks(model, operation);
    case 'compact':
      if (operation.revision > model.revision) throw new ProtocolError('FUTURE_REVISION', '');
      model.compacted = Math.max(model.compacted, operation.revision);
      return { type: 'compact', revision: model.revision };
    case 'memberAdd':
    case 'memberUpdate':
    case 'memberRole':
    case 'clusterSet':
    case 'memberSeed':
    case 'clusterLevel':
      return runOnMembers(model, operation);
    case 'members':
    case 'range':
    case 'lease':
    case 'leaseKeys':
    case 'leases':
    case 'lock':
    case 'lockRequest':
    case 'locks':
      throw new ProtocolError('INVALID_ARGUMENT', '');
  }
}

function runTxn(model: Model, { compares, then, else: otherwise }: Txn): Result {
  const succeeded = compares.every((compare) => holds(model, compare));
  const branch = succeeded ? then : otherwise;
  for (const step of branch) if (step.type === 'put') mustExist(model, step.lease);
  const results = branch.map((step) =>
    step.type === 'range' ? readModel(model.entries, step, model.reached) : runInModel(model, step),
  );
  return { type: 'txn', revision: model.reached, succeeded, results: results as never };
}

export function holds(model: Model, compare: Compare): boolean {
  if (compare.target === 'lock') return holdsOf(model, compare.name, compare.fence, compare.holder).length > 0;
  return holdsInModel(model.entries, compare);
}

function endLease(model: Model, id: number, cause: 'closed' | 'revoked' | 'expired'): void {
  const lease = model.leases.find((one) => one.id === id)!;
  endRequests(model, lease, cause);
  for (const { key } of model.entries.filter((entry) => entry.lease === id)) model.remove(key, 'lease');
  model.leases = model.leases.filter((one) => one !== lease);
  if (lease.session !== null) model.notifications.push({ type: 'sessionEnded', session: id, cause });
}

function mustExist(model: Model, lease: number | null): void {
  if (lease !== null && !model.leases.some(({ id }) => id === lease)) throw new ProtocolError('NOT_FOUND', '');
}
