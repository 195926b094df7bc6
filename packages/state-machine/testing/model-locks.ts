// What the operations on locks do to the model: after each, whoever can be granted is searched for among all that wait.
import {
  electionKey,
  type HoldEnd,
  type LockAcquire,
  type LockClaim,
  type LockConvert,
  type LockName,
  type LockRequestId,
  type LockState,
  limits,
  type Operation,
  ProtocolError,
  type Result,
} from '@conclave/protocol';
import type { Model, ModelLease, ModelRequest, ModelSession } from './model.ts';
import { claimOf, nameText, sameLock } from './model-claims.ts';

type LockOperation = Extract<
  Operation,
  { type: 'lockAcquire' | 'lockRelease' | 'lockBreak' | 'lockCancel' | 'lockConvert' | 'lockDelayEnd' | 'proclaim' }
>;

export function runOnLocks(model: Model, operation: LockOperation): Result | null {
  switch (operation.type) {
    case 'lockAcquire':
      return { type: 'lockAcquire', ...acquire(model, operation), revision: model.reached };
    case 'lockRelease': {
      const hold = model.request(mustHaveSession(model), operation.sequence);
      if (hold === null || hold.fence === 0 || hold.fence !== operation.fence) {
        return { type: 'lockRelease', revision: model.reached, outcome: 'ended' };
      }
      const heir = operation.heir && heirIn(model, hold, operation.heir);
      if (operation.heir !== null && heir === null) {
        return { type: 'lockRelease', revision: model.reached, outcome: 'kept' };
      }
      endHold(model, hold, 0, 'release', 'released', heir);
      model.notifications.push(released(hold));
      return { type: 'lockRelease', revision: model.reached, outcome: 'released' };
    }
    case 'lockBreak': {
      const holds = holdsOf(model, operation.name, operation.fence, operation.holder);
      const kept = operation.now ? keptPlaces(model, operation.name, operation.fence, operation.holder) : [];
      for (const place of kept) {
        model.requests = model.requests.filter((request) => request !== place);
        grantWaiting(model);
      }
      const delays = holds.map((hold) => breakHold(model, hold, operation.now));
      const broken = holds.length + kept.length > 0;
      return { type: 'lockBreak', revision: model.reached, broken, delayMs: Math.max(0, ...delays) };
    }
    case 'lockCancel':
      return { type: 'lockCancel', was: cancel(model, operation.sequence), revision: model.reached };
    case 'lockConvert': {
      const hold = model.request(mustHaveSession(model), operation.sequence);
      if (hold === null || hold.fence === 0) {
        return { type: 'lockConvert', revision: model.reached, outcome: 'ended', fence: null };
      }
      const outcome = convert(model, hold, operation);
      return { type: 'lockConvert', revision: model.reached, outcome, fence: hold.fence };
    }
    case 'lockDelayEnd': {
      const { session, sequence } = operation;
      const isMeant = (one: ModelRequest): boolean => one.session === session && one.sequence === sequence;
      const delayed = model.requests.find((one) => isMeant(one) && one.delayMs > 0);
      if (delayed === undefined || operation.term !== model.term) return null;
      model.requests = model.requests.filter((one) => one !== delayed);
      grantWaiting(model);
      return null;
    }
    case 'proclaim': {
      const [hold] = holdsOf(model, operation.name, operation.fence, null);
      if (hold === undefined) return { type: 'proclaim', revision: model.reached, written: false };
      if (mine(model) !== hold.session) throw new ProtocolError('INVALID_ARGUMENT', '');
      model.write(electionKey(operation.name.name), operation.value, hold.session, false);
      return { type: 'proclaim', revision: model.reached, written: true };
    }
  }
}

export function holdsOf(model: Model, name: LockName, fence: number, holder: LockRequestId | null): ModelRequest[] {
  return model
    .holders(name)
    .filter((hold) => hold.fence === fence)
    .filter((hold) => holder === null || (hold.session === holder.session && hold.sequence === holder.sequence));
}

function keptPlaces(model: Model, name: LockName, fence: number, holder: LockRequestId | null): ModelRequest[] {
  return model
    .occupants(name)
    .filter((request) => request.delayMs > 0 && request.fence === fence)
    .filter(
      (request) => holder === null || (request.session === holder.session && request.sequence === holder.sequence),
    );
}

/** Queues are left first, so that nothing is granted to the session that ends. */
export function endRequests(model: Model, { id, ttlMs }: ModelLease, cause: 'closed' | 'revoked' | 'expired'): void {
  model.requests = model.requests.filter((request) => request.session !== id || request.fence > 0);
  for (const request of model.requests) if (request.session === id) request.upgrading = false;
  grantWaiting(model);
  const held = model.requests.filter((request) => request.session === id && request.delayMs === 0);
  for (const hold of held.toSorted((a, b) => a.fence - b.fence || a.order - b.order)) {
    const delays = { closed: 0, expired: hold.lockDelayMs, revoked: Math.max(hold.lockDelayMs, ttlMs) };
    endHold(model, hold, delays[cause], 'lease', cause, null);
  }
}

export function mine(model: Model): number | null {
  const { identity } = model.header!;
  return identity.by === 'session' ? identity.session : null;
}

function mustHaveSession(model: Model): number {
  const session = mine(model);
  if (session === null) throw new ProtocolError('INVALID_ARGUMENT', '');
  return session;
}

function acquire(model: Model, operation: LockAcquire): LockState {
  const session = mustHaveSession(model);
  const { claims, keeping, lockDelayMs, value, wait } = operation;
  for (const claim of claims) {
    const limit = limitOf(model, claim.name);
    if (claim.mode === 'permits' && limit !== null && limit !== claim.limit) {
      throw new ProtocolError('INVALID_ARGUMENT', '');
    }
  }
  const { index: order, header } = model;
  const request: ModelRequest = {
    session,
    sequence: sequenceOf(model),
    claims,
    order,
    value,
    lockDelayMs,
    keeping: keeping.filter((one) => (model.request(session, one)?.fence ?? 0) > 0),
    upgrading: false,
    fence: 0,
    sinceWallMs: header!.wallTimeMs,
    delayMs: 0,
  };
  const before = model.requests;
  model.requests = [...before, request];
  if (isNext(model, request)) {
    grant(model, request);
    return { state: 'held', fence: request.fence };
  }
  model.requests = before;
  if (!wait) return { state: 'refused' };
  model.requests = [...before, request];
  if (somebodyWaitsForEver(model)) {
    model.requests = before;
    throw new ProtocolError('DEADLOCK', '');
  }
  for (const { name } of claims) {
    if (model.queue(name).length > 1) continue;
    for (const hold of model.holders(name)) {
      model.notifications.push({ type: 'contended', session: hold.session, sequence: hold.sequence });
    }
  }
  return model.standing(request);
}

/** Of a semaphore that somebody holds or awaits. */
function limitOf(model: Model, name: LockName): number | null {
  for (const request of model.requests) {
    const claim = claimOf(request, name);
    if (claim?.mode === 'permits') return claim.limit;
  }
  return null;
}

function fits(model: Model, claim: LockClaim): boolean {
  const occupants = model.occupants(claim.name).map((request) => claimOf(request, claim.name)!);
  if (claim.mode === 'exclusive') return occupants.length === 0;
  if (claim.mode === 'shared') return occupants.every(({ mode }) => mode === 'shared');
  const taken = occupants.reduce((sum, other) => sum + (other.mode === 'permits' ? other.count : 0), 0);
  return taken + claim.count <= claim.limit;
}

function upgraderOf(model: Model, name: LockName): ModelRequest | null {
  return model.occupants(name).find(({ upgrading }) => upgrading) ?? null;
}

/** Tried out, and taken back if nothing comes of it. */
function convert(
  model: Model,
  hold: ModelRequest,
  { keeping, mode, wait }: LockConvert,
): 'held' | 'queued' | 'refused' {
  const [claim, ...others] = hold.claims;
  if (others.length > 0 || claim?.name.kind !== 'lock') throw new ProtocolError('INVALID_ARGUMENT', '');
  const { name } = claim;
  if (mode === 'shared') {
    hold.upgrading = false;
    if (claim.mode === 'exclusive') become(model, hold, { mode, name });
    grantWaiting(model);
    return 'held';
  }
  if (claim.mode === 'exclusive') return 'held';
  if (hold.upgrading) return 'queued';
  const sharing = model.occupants(name).filter((one) => one !== hold);
  if (sharing.length === 0) {
    hold.claims = [{ mode, name }];
    if (somebodyWaitsForEver(model)) {
      hold.claims = [claim];
      throw new ProtocolError('DEADLOCK', '');
    }
    become(model, hold, { mode, name });
    return 'held';
  }
  if (!wait) return 'refused';
  const before = hold.keeping;
  hold.upgrading = true;
  hold.keeping = keeping.filter((one) => one !== hold.sequence && (model.request(hold.session, one)?.fence ?? 0) > 0);
  if (somebodyWaitsForEver(model)) {
    Object.assign(hold, { upgrading: false, keeping: before });
    throw new ProtocolError('DEADLOCK', '');
  }
  if (model.queue(name).length > 0) return 'queued';
  for (const { delayMs, sequence, session } of sharing) {
    if (delayMs === 0) model.notifications.push({ type: 'contended', session, sequence });
  }
  return 'queued';
}

function become(model: Model, hold: ModelRequest, claim: LockClaim): void {
  model.granted = true;
  hold.upgrading = false;
  hold.claims = [claim];
  hold.fence = model.revision + 1;
}

function isNext(model: Model, request: ModelRequest): boolean {
  if (request.claims.some(({ name }) => upgraderOf(model, name) !== null)) return false;
  return request.claims.every((claim) => model.queue(claim.name)[0] === request && fits(model, claim));
}

/** Those who are granted are told when all of them are. */
function grantWaiting(model: Model): void {
  const granted: ModelRequest[] = [];
  for (;;) {
    const upgraded = model.requests.find(
      ({ claims, upgrading }) => upgrading && model.occupants(claims[0]!.name).length === 1,
    );
    if (upgraded !== undefined) {
      become(model, upgraded, { mode: 'exclusive', name: upgraded.claims[0]!.name });
      granted.push(upgraded);
      continue;
    }
    const next = model.requests.find((request) => request.fence === 0 && isNext(model, request));
    if (next === undefined) break;
    grant(model, next);
    granted.push(next);
  }
  for (const request of granted.toSorted((a, b) => a.order - b.order)) notifyGranted(model, request);
}

function notifyGranted(model: Model, request: ModelRequest): void {
  const { session, sequence, fence } = request;
  const contended = request.claims.some(({ name }) => model.queue(name).length > 0);
  model.notifications.push({ type: 'granted', session, sequence, fence, contended });
}

function grant(model: Model, request: ModelRequest): void {
  model.granted = true;
  request.fence = model.revision + 1;
  request.sinceWallMs = model.header!.wallTimeMs;
  const { name } = request.claims[0]!;
  if (request.value !== null) model.write(electionKey(name.name), request.value, request.session, true);
}

/** Played to its end: every hold ends that nobody keeps, every delay is over, and whoever comes next has what it wants. */
function somebodyWaitsForEver(model: Model): boolean {
  const { requests } = model;
  for (let present = requests; ; present = model.requests) {
    model.requests = present.filter(
      (one) => one.delayMs === 0 && (isWaiting(one) || keepersOf(model, [one]).length > 0),
    );
    const next = model.requests.find((one) =>
      one.upgrading ? model.occupants(one.claims[0]!.name).length === 1 : one.fence === 0 && isNext(model, one),
    );
    if (next !== undefined) model.requests = model.requests.flatMap((one) => (one === next ? afterGrant(one) : [one]));
    if (next !== undefined || model.requests.length < present.length) continue;
    model.requests = requests;
    return present.length > 0;
  }
}

/** Somebody else may keep what was upgraded. */
function afterGrant(request: ModelRequest): ModelRequest[] {
  const alone = request.claims.map(({ name }) => ({ mode: 'exclusive' as const, name }));
  return request.upgrading ? [{ ...request, upgrading: false, claims: alone }] : [];
}

function isWaiting({ fence, upgrading }: ModelRequest): boolean {
  return fence === 0 || upgrading;
}

/** Who waits while one of these holds is kept. */
function keepersOf(model: Model, holds: readonly ModelRequest[]): ModelRequest[] {
  return model.requests.filter(({ fence, keeping, sequence, session, upgrading }) =>
    holds.some((hold) => {
      if (session !== hold.session || !(fence === 0 || upgrading)) return false;
      return keeping.includes(hold.sequence) || (upgrading && sequence === hold.sequence);
    }),
  );
}

function endHold(
  model: Model,
  hold: ModelRequest,
  delayMs: number,
  cause: 'lease' | 'release',
  end: HoldEnd,
  heir: ModelRequest | null,
): void {
  notePast(model, hold, end);
  conclude(model, hold, { state: 'released', fence: hold.fence });
  hold.upgrading = false;
  if (delayMs > 0) {
    hold.delayMs = delayMs;
    hold.sinceWallMs = model.header!.wallTimeMs;
  } else {
    model.requests = model.requests.filter((request) => request !== hold);
  }
  if (heir !== null) {
    grant(model, heir);
    notifyGranted(model, heir);
  }
  grantWaiting(model);
  const { name } = hold.claims[0]!;
  if (name.kind === 'election' && model.holders(name).length === 0) model.remove(electionKey(name.name), cause);
}

function notePast(model: Model, { claims, fence, sequence, session, sinceWallMs }: ModelRequest, end: HoldEnd): void {
  const hold = { session, sequence, fence, sinceWallMs, endedWallMs: model.header!.wallTimeMs, end };
  for (const { name } of claims) {
    const lock = nameText(name);
    const known = model.past.find((past) => past.lock === lock)?.holds ?? [];
    const holds = [hold, ...known].slice(0, limits.maxPastHolds);
    model.past = [...model.past.filter((past) => past.lock !== lock), { lock, holds }].slice(-limits.maxPastLocks);
  }
}

function breakHold(model: Model, hold: ModelRequest, now: boolean): number {
  const { ttlMs } = model.leases.find(({ id }) => id === hold.session)!;
  const delayMs = now ? 0 : Math.max(ttlMs, hold.lockDelayMs);
  const { session, sequence, fence } = hold;
  const { author, reason } = model.header!;
  model.notifications.push({ type: 'broken', session, sequence, fence, delayMs, author, reason });
  endHold(model, hold, delayMs, 'release', 'broken', null);
  return delayMs;
}

function heirIn(model: Model, hold: ModelRequest, { sequence, session }: LockRequestId): ModelRequest | null {
  const [claim, ...others] = hold.claims;
  if (claim?.mode !== 'exclusive' || others.length > 0) throw new ProtocolError('INVALID_ARGUMENT', '');
  const heir = model.request(session, sequence);
  const waits = heir !== null && heir.fence === 0 && heir.claims.length === 1;
  return waits && sameLock(heir.claims[0]!.name, claim.name) ? heir : null;
}

function cancel(model: Model, sequence: number): 'queued' | 'held' | 'ended' {
  const session = mustHaveSession(model);
  if (sequence === sequenceOf(model)) throw new ProtocolError('INVALID_ARGUMENT', '');
  const request = model.request(session, sequence);
  if (request === null) {
    const { answers, acknowledgedBelow } = model.session(session) as ModelSession;
    if (sequence >= acknowledgedBelow && !answers.has(sequence)) {
      if (sequence >= acknowledgedBelow + limits.maxSessionWindow) throw new ProtocolError('LIMIT_EXCEEDED', '');
      answers.set(sequence, { type: 'acquire', ended: { state: 'cancelled' } });
    }
    return 'ended';
  }
  if (request.fence > 0) {
    endHold(model, request, 0, 'release', 'released', null);
    model.notifications.push(released(request));
    return 'held';
  }
  model.requests = model.requests.filter((one) => one !== request);
  conclude(model, request, { state: 'cancelled' });
  model.notifications.push({ type: 'cancelled', session, sequence });
  grantWaiting(model);
  return 'queued';
}

function conclude(model: Model, { session, sequence }: ModelRequest, ended: LockState): void {
  const answers = model.session(session)?.answers;
  if (answers?.has(sequence) === true) answers.set(sequence, { type: 'acquire', ended });
}

function sequenceOf(model: Model): number {
  const { identity } = model.header!;
  return identity.by === 'session' ? identity.sequence : 0;
}

function released({ session, sequence, fence }: ModelRequest): object {
  return { type: 'released', session, sequence, fence };
}
