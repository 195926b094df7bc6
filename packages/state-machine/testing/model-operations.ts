// What each operation does to the model.
import {
  type Compare,
  electionKey,
  type LockAcquire,
  type LockName,
  type LockState,
  type Operation,
  ProtocolError,
  type Result,
  type Txn,
} from '@conclave/protocol';
import type { Model, ModelRequest, ModelSession } from './model.ts';
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
      model.leases = [...model.leases, { id: model.nextLease, ttlMs: operation.ttlMs, session: null }];
      return { type: 'leaseGrant', lease: model.nextLease++, ttlMs: operation.ttlMs };
    case 'sessionOpen': {
      const secret = hex(operation.secretHash);
      const known = model.leases.find((lease) => lease.session?.secret === secret);
      if (known !== undefined) return { type: 'sessionOpen', session: known.id, ttlMs: known.ttlMs };
      const session = { secret, acknowledgedBelow: 1, metadata: operation.metadata, answers: new Map() };
      model.leases = [...model.leases, { id: model.nextLease, ttlMs: operation.ttlMs, session }];
      return { type: 'sessionOpen', session: model.nextLease++, ttlMs: operation.ttlMs };
    }
    case 'leaseRevoke': {
      const existed = model.leases.some(({ id }) => id === operation.lease);
      if (existed) endLease(model, operation.lease, mine(model) === operation.lease ? 'closed' : 'revoked');
      return { type: 'leaseRevoke', revision: model.reached, existed };
    }
    case 'sessionClose': {
      const existed = model.session(operation.session) !== null;
      if (existed) endLease(model, operation.session, 'closed');
      return { type: 'leaseRevoke', revision: model.reached, existed };
    }
    case 'leaseExpire': {
      const exists = model.leases.some(({ id }) => id === operation.lease);
      if (exists && operation.generation === 1 && operation.term === model.term)
        endLease(model, operation.lease, 'expired');
      return null;
    }
    case 'lockAcquire':
      return { type: 'lockAcquire', ...acquire(model, operation), revision: model.reached };
    case 'lockRelease': {
      const hold = holdOf(model, operation.name, operation.fence);
      if (hold === null) return { type: 'lockRelease', revision: model.reached, released: false };
      mustOwn(model, hold);
      endHold(model, hold, 0, 'release');
      model.notifications.push(released(hold));
      return { type: 'lockRelease', revision: model.reached, released: true };
    }
    case 'lockBreak': {
      const hold = holdOf(model, operation.name, operation.fence);
      if (hold === null) return { type: 'lockBreak', revision: model.reached, broken: false, delayMs: 0 };
      const { ttlMs } = model.leases.find(({ id }) => id === hold.session)!;
      const delayMs = operation.now ? 0 : Math.max(ttlMs, hold.lockDelayMs);
      const { session, sequence, fence } = hold;
      const { author, reason } = model.header!;
      model.notifications.push({ type: 'broken', session, sequence, fence, delayMs, author, reason });
      endHold(model, hold, delayMs, 'release');
      return { type: 'lockBreak', revision: model.reached, broken: true, delayMs };
    }
    case 'lockCancel':
      return { type: 'lockCancel', was: cancel(model, operation.name, operation.sequence), revision: model.reached };
    case 'proclaim': {
      const hold = holdOf(model, operation.name, operation.fence);
      if (hold === null) return { type: 'proclaim', revision: model.reached, written: false };
      mustOwn(model, hold);
      model.write(electionKey(operation.name.name), operation.value, hold.session, false);
      return { type: 'proclaim', revision: model.reached, written: true };
    }
    case 'compact':
      if (operation.revision > model.revision) throw new ProtocolError('FUTURE_REVISION', '');
      model.compacted = Math.max(model.compacted, operation.revision);
      return { type: 'compact', revision: model.revision };
    case 'lockDelayEnd': {
      const delay = model.delayed(operation.name);
      if (delay === null || delay.fence !== operation.fence || operation.term !== model.term) return null;
      model.delays = model.delays.filter((one) => one !== delay);
      grantNext(model, operation.name);
      return null;
    }
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
    case 'leases':
    case 'lock':
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
  if (compare.target === 'lock') return model.holder(compare.name)?.fence === compare.fence;
  return holdsInModel(model.entries, compare);
}

function acquire(model: Model, { name, wait, value, lockDelayMs }: LockAcquire): LockState {
  const session = mine(model);
  if (session === null) throw new ProtocolError('INVALID_ARGUMENT', '');
  const taken = model.holder(name) !== null || model.delayed(name) !== null;
  if (taken && !wait) return { state: 'refused' };
  const ahead = model.queue(name).length + (model.holder(name) === null ? 0 : 1);
  const { index: order, header } = model;
  const { wallTimeMs } = header!;
  const request = {
    session,
    sequence: sequenceOf(model),
    name,
    order,
    value,
    lockDelayMs,
    fence: 0,
    sinceWallMs: wallTimeMs,
  };
  model.requests = [...model.requests, request];
  if (taken) return { state: 'queued', ahead };
  grant(model, request);
  return { state: 'held', fence: request.fence };
}

function grant(model: Model, request: ModelRequest): void {
  model.granted = true;
  request.fence = model.revision + 1;
  request.sinceWallMs = model.header!.wallTimeMs;
  if (request.value !== null) model.write(electionKey(request.name.name), request.value, request.session, true);
}

function grantNext(model: Model, name: LockName): boolean {
  const [next] = model.queue(name);
  if (next === undefined || model.delayed(name) !== null) return false;
  grant(model, next);
  const { session, sequence, fence } = next;
  model.notifications.push({ type: 'granted', session, sequence, fence });
  return true;
}

function endHold(model: Model, hold: ModelRequest, delayMs: number, cause: 'lease' | 'release'): void {
  const { name, fence } = hold;
  model.requests = model.requests.filter((request) => request !== hold);
  conclude(model, hold, { state: 'released', fence });
  if (delayMs > 0) model.delays = [...model.delays, { name, fence, delayMs }];
  if (!grantNext(model, name) && name.kind === 'election') model.remove(electionKey(name.name), cause);
}

function cancel(model: Model, name: LockName, sequence: number): 'queued' | 'held' | 'ended' {
  const session = mine(model);
  if (session === null || sequence === sequenceOf(model)) throw new ProtocolError('INVALID_ARGUMENT', '');
  const request = model.requests.find((one) => one.session === session && one.sequence === sequence);
  if (request === undefined) {
    const { answers, acknowledgedBelow } = model.session(session) as ModelSession;
    if (sequence >= acknowledgedBelow && !answers.has(sequence)) {
      if (sequence >= acknowledgedBelow + 1_024) throw new ProtocolError('LIMIT_EXCEEDED', '');
      answers.set(sequence, { type: 'acquire', ended: { state: 'cancelled' } });
    }
    return 'ended';
  }
  if (request.name.kind !== name.kind || hex(request.name.name) !== hex(name.name)) {
    throw new ProtocolError('INVALID_ARGUMENT', '');
  }
  if (request.fence > 0) {
    endHold(model, request, 0, 'release');
    model.notifications.push(released(request));
    return 'held';
  }
  model.requests = model.requests.filter((one) => one !== request);
  conclude(model, request, { state: 'cancelled' });
  model.notifications.push({ type: 'cancelled', session, sequence });
  return 'queued';
}

function endLease(model: Model, id: number, cause: 'closed' | 'revoked' | 'expired'): void {
  const lease = model.leases.find((one) => one.id === id)!;
  model.requests = model.requests.filter((request) => request.session !== id || request.fence > 0);
  const held = model.requests.filter((request) => request.session === id);
  for (const hold of held.toSorted((a, b) => a.fence - b.fence || a.order - b.order)) {
    const delays = { closed: 0, expired: hold.lockDelayMs, revoked: Math.max(hold.lockDelayMs, lease.ttlMs) };
    endHold(model, hold, delays[cause], 'lease');
  }
  for (const { key } of model.entries.filter((entry) => entry.lease === id)) model.remove(key, 'lease');
  model.leases = model.leases.filter((one) => one !== lease);
  if (lease.session !== null) model.notifications.push({ type: 'sessionEnded', session: id, cause });
}

function conclude(model: Model, { session, sequence }: ModelRequest, ended: LockState): void {
  const answers = model.session(session)?.answers;
  if (answers?.has(sequence) === true) answers.set(sequence, { type: 'acquire', ended });
}

function holdOf(model: Model, name: LockName, fence: number): ModelRequest | null {
  const holder = model.holder(name);
  return holder !== null && holder.fence === fence ? holder : null;
}

function mine(model: Model): number | null {
  const { identity } = model.header!;
  return identity.by === 'session' ? identity.session : null;
}

function sequenceOf(model: Model): number {
  const { identity } = model.header!;
  return identity.by === 'session' ? identity.sequence : 0;
}

function mustExist(model: Model, lease: number | null): void {
  if (lease !== null && !model.leases.some(({ id }) => id === lease)) throw new ProtocolError('NOT_FOUND', '');
}

function mustOwn(model: Model, hold: ModelRequest): void {
  if (mine(model) !== hold.session) throw new ProtocolError('INVALID_ARGUMENT', '');
}

function released({ session, sequence, fence }: ModelRequest): object {
  return { type: 'released', session, sequence, fence };
}
