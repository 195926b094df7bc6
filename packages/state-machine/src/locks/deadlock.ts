// Who waits for whom. A request waits for those before it in its queues and for those who hold what it wants; a hold is given back by a
// request that waits only when that one has been granted, if its session said that it keeps the hold meanwhile. Only an acquire
// that keeps something can close a cycle, so that it alone looks.
import { maxDeadlockSteps } from '../bounds.ts';
import { type Claim, type LockRequest, requestName } from './lock.ts';

/** The requests of a cycle through `start`, each waiting for the next. Null: there is none, or it is further away than is looked. */
export function cycleThrough(start: LockRequest): readonly LockRequest[] | null {
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
  for (const claim of request.claims) {
    for (const ahead of claim.lock.queue) {
      if (ahead === request) break;
      if (!mayStep(search)) return;
      yield ahead;
    }
    for (const holder of blockers(claim)) {
      if (!mayStep(search)) return;
      for (const waiting of byOrder(holder.keptBy)) {
        if (!mayStep(search)) return;
        yield waiting;
      }
    }
  }
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
  return [...lock.holders].filter(({ isDelayed }) => !isDelayed);
}

/** Not the order of memory, which differs between a member that replayed and one that loaded. */
function byOrder(requests: Iterable<LockRequest>): LockRequest[] {
  return [...requests].toSorted((a, b) => a.order - b.order);
}

/** For people: `lock "a" (7:3) → lock "b" (9:1) → lock "a" (7:3)`, with session and sequence of each request. */
export function cycleText(cycle: readonly LockRequest[]): string {
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
