// Who waits for whom. A request waits for those before it in its queues and for those who hold what it wants; a hold is given back by a
// request that waits only when that one has been granted, if its session said that it keeps the hold meanwhile. Only an acquire
// that keeps something can close a cycle, so that it alone looks. Whoever shares a lock and waits to have it alone keeps that hold, whatever he says.
import { ProtocolError } from '@conclave/protocol';
import { maxDeadlockSteps } from '../bounds.ts';
import { type Claim, inTurn, type LockRequest, requestName } from './lock.ts';

/** `request` waits from now on while it keeps these holds. Throws DEADLOCK, and it keeps nothing then. */
export function refuseDeadlock(request: LockRequest, kept: readonly LockRequest[]): void {
  for (const hold of kept) hold.keptBy.add(request);
  const cycle = cycleThrough(request);
  if (cycle === null) return;
  for (const hold of kept) hold.keptBy.delete(request);
  const text = cycleText(cycle);
  throw new ProtocolError('DEADLOCK', `it would wait for itself: ${text}`, 'not-applied', { cycle: text });
}

/** The requests of a cycle through `start`, each waiting for the next. Null: there is none, or it is further away than is looked. */
function cycleThrough(start: LockRequest): readonly LockRequest[] | null {
  const search: Search = { start, seen: new Set([start]), stepsLeft: maxDeadlockSteps };
  return reach(search, start);
}

interface Search {
  readonly start: LockRequest;
  readonly seen: Set<LockRequest>;
  stepsLeft: number;
}

/** Depth first, with a stack of its own: a chain of waiting may be longer than the engine's. */
function reach(search: Search, start: LockRequest): readonly LockRequest[] | null {
  const path: { readonly request: LockRequest; readonly next: Iterator<LockRequest> }[] = [
    { request: start, next: waitsFor(search, start) },
  ];
  for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
    const step = top.next.next();
    if (step.done === true) {
      path.pop();
    } else if (step.value === search.start) {
      return path.map(({ request }) => request);
    } else if (!search.seen.has(step.value)) {
      search.seen.add(step.value);
      path.push({ request: step.value, next: waitsFor(search, step.value) });
    }
  }
  return null;
}

/** The waiting requests that must be granted before this one can be. */
function* waitsFor(search: Search, request: LockRequest): Generator<LockRequest, void, void> {
  if (request.isUpgrading) return yield* keepers(search, othersThan(request));
  for (const claim of request.claims) {
    const { upgrading } = claim.lock;
    if (upgrading !== null) {
      if (!mayStep(search)) return;
      yield upgrading;
    }
    for (const ahead of claim.lock.queue) {
      if (ahead === request) break;
      if (!mayStep(search)) return;
      yield ahead;
    }
    yield* keepers(search, blockers(claim));
  }
}

/** Those that wait while they keep one of these holds. */
function* keepers(search: Search, holds: readonly LockRequest[]): Generator<LockRequest, void, void> {
  for (const hold of holds) {
    if (!mayStep(search)) return;
    if (hold.isUpgrading) yield hold;
    for (const waiting of inTurn(hold.keptBy)) {
      if (!mayStep(search)) return;
      yield waiting;
    }
  }
}

/** Who shares the lock with one that waits to have it alone. */
function othersThan(request: LockRequest): readonly LockRequest[] {
  return inTurn(request.lock.holders).filter((one) => one !== request && !one.isDelayed);
}

function mayStep(search: Search): boolean {
  search.stepsLeft -= 1;
  return search.stepsLeft >= 0;
}

/**
 * Those who hold what is wanted, and must all give it back. Of several who hold permits any may, so that waiting for them is no certain
 * cycle; a delay ends by itself.
 */
function blockers({ lock, mode }: Claim): readonly LockRequest[] {
  if (mode === 'permits' && lock.holders.size > 1) return [];
  if (mode === 'shared' && !lock.isExclusive) return [];
  return inTurn(lock.holders).filter(({ isDelayed }) => !isDelayed);
}

/** For people: `lock "a" (7:3) → lock "b" (9:1) → lock "a" (7:3)`, with session and sequence of each request. */
function cycleText(cycle: readonly LockRequest[]): string {
  const named = cycle.map(({ lock, owner, sequence }) => {
    return `${lock.name.kind} "${printable(lock.name.name)}" (${requestName(owner, sequence)})`;
  });
  return [...named, named[0]].join(' → ');
}

const [space, tilde] = [0x20, 0x7e];

function printable(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) {
    text += byte >= space && byte <= tilde ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return text;
}
