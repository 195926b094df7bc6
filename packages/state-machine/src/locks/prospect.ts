// What comes of everything that some requests depend on, if every hold ends that may: one ends, except while a request waits whose session
// said that it keeps the hold meanwhile, or while it waits itself to have alone what it shares. Whoever can be granted then is, and gives back in his turn
// what he was granted and what he kept. Who is left waits for ever. Of several who hold permits any may make room, so that a circle of
// waiting alone says nothing.
import { maxDeadlockSteps } from '../bounds.ts';
import { type Claim, inTurn, type Lock, type LockRequest } from './lock.ts';

/** The requests of a circle, each waiting at its lock for the next. */
export type Circle = readonly Waiting[];

interface Waiting {
  readonly request: LockRequest;
  readonly lock: Lock;
}

/** One lock, as far as somebody depends on it. */
interface Place {
  readonly lock: Lock;
  /** Its queue, as far as it was looked at. */
  readonly line: Set<LockRequest>;
  readonly rest: Iterator<LockRequest>;
  upgrading: LockRequest | null;
  isExclusive: boolean;
  /** Of those that are kept by others who wait. */
  stuckHolders: number;
  stuckPermits: number;
}

export class Prospect {
  readonly #places: Map<Lock, Place> = new Map();
  /** Those who wait, and have not been granted so far. */
  readonly #waiting: Set<LockRequest> = new Set();
  readonly #toVisit: LockRequest[] = [];
  /** Holds that cannot end yet, with those who keep them. */
  readonly #stuck: Map<LockRequest, Set<LockRequest>> = new Map();
  readonly #keeps: Map<LockRequest, LockRequest[]> = new Map();
  /** All or nothing is looked at: whether it is too much does not depend on the order, which members do not have in common. */
  #stepsLeft: number = maxDeadlockSteps;

  /**
   * A shortest circle through one of these of requests that are never granted. They wait: in queues, or about to enter those of their locks at the end.
   * Null: each is granted some time, or waits for others that stand in a circle, or depends on more than is looked at.
   */
  circleThrough(starts: readonly LockRequest[]): Circle | null {
    for (const start of starts) this.#meet(start);
    if (!this.#lookAround()) return null;
    this.#playOn();
    for (const start of starts) {
      const circle = this.#waiting.has(start) ? this.#circle(start) : null;
      if (circle !== null) return circle;
    }
    return null;
  }

  /** False: it is too much. */
  #lookAround(): boolean {
    for (let next = this.#toVisit.pop(); next !== undefined; next = this.#toVisit.pop()) {
      for (const { lock } of next.claims) {
        const place = this.#places.get(lock) ?? this.#enter(lock);
        if (!next.isUpgrading) this.#lineUpTo(place, next);
        if (this.#stepsLeft < 0) return false;
      }
    }
    return true;
  }

  #meet(request: LockRequest): void {
    if (this.#waiting.has(request)) return;
    this.#stepsLeft -= 1;
    this.#waiting.add(request);
    this.#toVisit.push(request);
  }

  #enter(lock: Lock): Place {
    const { holders, queue, upgrading } = lock;
    const place: Place = {
      lock,
      line: new Set(),
      rest: queue.values(),
      upgrading,
      isExclusive: lock.isExclusive,
      stuckHolders: 0,
      stuckPermits: 0,
    };
    this.#places.set(lock, place);
    if (upgrading !== null) this.#meet(upgrading);
    for (const hold of holders) {
      this.#stepsLeft -= 1;
      if (this.#stepsLeft < 0) break;
      if (!this.#isStuck(hold)) continue;
      place.stuckHolders += 1;
      place.stuckPermits += permitsOf(hold, lock);
    }
    return place;
  }

  /** A delay ends by itself. */
  #isStuck(hold: LockRequest): boolean {
    if (this.#stuck.has(hold)) return true;
    if (hold.isDelayed || (hold.keptBy.size === 0 && !hold.isUpgrading)) return false;
    const keepers = new Set(hold.keptBy);
    if (hold.isUpgrading) keepers.add(hold);
    this.#stuck.set(hold, keepers);
    this.#stepsLeft -= keepers.size;
    for (const keeper of keepers) {
      this.#meet(keeper);
      const kept = this.#keeps.get(keeper);
      if (kept === undefined) this.#keeps.set(keeper, [hold]);
      else kept.push(hold);
    }
    return true;
  }

  #lineUpTo({ line, rest }: Place, request: LockRequest): void {
    while (!line.has(request) && this.#stepsLeft >= 0) {
      const next = rest.next();
      // Only one that is about to enter is in no queue yet.
      const one = next.done === true ? request : next.value;
      this.#stepsLeft -= 1;
      line.add(one);
      this.#meet(one);
    }
  }

  /** Like `grantWaiting`, but whoever is granted leaves at once. */
  #playOn(): void {
    const toLookAt = [...this.#places.values()];
    for (let place = toLookAt.pop(); place !== undefined; place = toLookAt.pop()) {
      const next = place.upgrading ?? first(place.line);
      if (next !== null && this.#mayHold(next)) toLookAt.push(...this.#leave(next));
    }
  }

  #mayHold(request: LockRequest): boolean {
    return request.claims.every((claim) => {
      const place = this.#placeOf(claim.lock);
      // Its own hold is the one that is left.
      if (request.isUpgrading) return place.stuckHolders === 1;
      return place.upgrading === null && first(place.line) === request && hasRoom(place, claim);
    });
  }

  /** The places where it made room. */
  #leave(request: LockRequest): Set<Place> {
    const touched = new Set<Place>();
    this.#waiting.delete(request);
    for (const { lock } of request.claims) {
      const place = this.#placeOf(lock);
      if (request.isUpgrading) Object.assign(place, { upgrading: null, isExclusive: true });
      else place.line.delete(request);
      touched.add(place);
    }
    for (const hold of this.#keeps.get(request) ?? []) {
      const keepers = this.#stuck.get(hold)!;
      keepers.delete(request);
      if (keepers.size > 0) continue;
      for (const { lock } of hold.claims) {
        const place = this.#places.get(lock);
        if (place === undefined) continue;
        place.stuckHolders -= 1;
        place.stuckPermits -= permitsOf(hold, lock);
        touched.add(place);
      }
    }
    return touched;
  }

  /** In the same order on every member: breadth first, each once. */
  #circle(start: LockRequest): Circle | null {
    const walks = new Map<Place, Walk>();
    const reached = new Map<LockRequest, Waiting>();
    const front = [start];
    for (const request of front) {
      for (const { lock } of request.claims) {
        for (const blocker of this.#blockers(walks, request, lock)) {
          if (blocker === start) return pathTo({ request, lock }, reached);
          if (reached.has(blocker)) continue;
          reached.set(blocker, { request, lock });
          front.push(blocker);
        }
      }
    }
    return null;
  }

  /** For what it waits here and for what nobody waited so far. */
  *#blockers(walks: Map<Place, Walk>, request: LockRequest, lock: Lock): Generator<LockRequest, void, void> {
    const place = this.#placeOf(lock);
    if (request.isUpgrading) return yield* this.#keepers(lock, request);
    if (place.upgrading !== null) yield place.upgrading;
    const walk = walks.get(place) ?? { ahead: place.line.values(), passed: new Set(), keepers: false };
    walks.set(place, walk);
    while (!walk.passed.has(request)) {
      const { value } = walk.ahead.next();
      if (value === undefined) break;
      walk.passed.add(value);
      if (value !== request) yield value;
    }
    const claim = request.claims.find((one) => one.lock === lock)!;
    if (walk.keepers || hasRoom(place, claim)) return;
    walk.keepers = true;
    yield* this.#keepers(lock, null);
  }

  *#keepers({ holders }: Lock, except: LockRequest | null): Generator<LockRequest, void, void> {
    for (const hold of inTurn(holders)) {
      if (hold !== except) yield* inTurn(this.#stuck.get(hold) ?? []);
    }
  }

  #placeOf(lock: Lock): Place {
    return this.#places.get(lock)!;
  }
}

/** How far those in front of each other in one lock were named. */
interface Walk {
  readonly ahead: Iterator<LockRequest, undefined>;
  readonly passed: Set<LockRequest>;
  keepers: boolean;
}

/** Beside those who cannot give back. */
function hasRoom({ isExclusive, lock, stuckHolders, stuckPermits }: Place, { count, mode }: Claim): boolean {
  switch (mode) {
    case 'exclusive':
      return stuckHolders === 0;
    case 'shared':
      return stuckHolders === 0 || !isExclusive;
    case 'permits':
      return stuckPermits + count <= lock.limit;
  }
}

function permitsOf({ claims }: LockRequest, lock: Lock): number {
  return claims.find((claim) => claim.lock === lock)!.count;
}

function first(line: Set<LockRequest>): LockRequest | null {
  const [one] = line;
  return one ?? null;
}

function pathTo(last: Waiting, reached: ReadonlyMap<LockRequest, Waiting>): Circle {
  const path: Waiting[] = [];
  for (let step: Waiting | undefined = last; step !== undefined; step = reached.get(step.request)) path.push(step);
  return path.toReversed();
}
