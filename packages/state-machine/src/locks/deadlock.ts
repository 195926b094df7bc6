// Who waits for whom, and whether it can ever end. A request waits for those before it in its queues and for room; room is made by holds that end. A
// hold ends, except while a request waits whose session said that it keeps the hold meanwhile, or while it waits itself to have alone what it
// shares. So nothing closes a circle but an acquire that keeps something, and a hold that is to be had alone: they alone look.
import { ProtocolError } from '@conclave/protocol';
import { maxDeadlockSteps } from '../bounds.ts';
import { type Claim, inTurn, type Lock, type LockRequest, requestName } from './lock.ts';

/** As things stand now. Throws DEADLOCK if one of these would wait for ever, and `undo` was called then. */
export function refuseDeadlock(waiting: readonly LockRequest[], undo: () => void): void {
  const cycle = new Prospect().cycleThrough(waiting);
  if (cycle === null) return;
  undo();
  const text = cycleText(cycle);
  throw new ProtocolError('DEADLOCK', `it would wait for itself: ${text}`, 'not-applied', { cycle: text });
}

/** One request waits for another one, at this lock. */
interface Wait {
  readonly lock: Lock;
  readonly on: LockRequest;
}

/** Something that comes about once all its conditions are met: a request is granted, a hold ends. */
interface Outcome {
  unmet: number;
  /** What it brings nearer, and by how much. */
  readonly helps: { readonly condition: Condition; readonly by: number }[];
}

/** Met when nothing is left of what is in its way. */
interface Condition {
  readonly of: Outcome;
  inTheWay: number;
}

interface Waiting extends Outcome {
  readonly waits: Wait[];
}

/** The requests of a circle, each waiting at its lock for the next. */
type Cycle = readonly { readonly request: LockRequest; readonly lock: Lock }[];

/**
 * What comes of everything that some requests depend on, if every hold ends that may: whoever can be granted then is granted, and gives back what it held and
 * kept, until nothing goes any further. What is left waits for ever. Of several who hold permits any may make room, so that a circle of
 * waiting alone says nothing.
 */
class Prospect {
  readonly #waiting = new Map<LockRequest, Waiting>();
  readonly #holds = new Map<LockRequest, Outcome>();
  readonly #unexplored: LockRequest[] = [];
  #stepsLeft = maxDeadlockSteps;

  /** Null: none of them is in one, or it is further away than is looked. */
  cycleThrough(starts: readonly LockRequest[]): Cycle | null {
    for (const start of starts) this.#waitingOf(start);
    for (let one = this.#unexplored.pop(); one !== undefined; one = this.#unexplored.pop()) {
      this.#explore(one);
      if (this.#stepsLeft < 0) return null;
    }
    this.#play();
    for (const start of starts) {
      const path = this.#waitingOf(start).unmet === 0 ? null : this.#pathThrough(start);
      if (path !== null) return path;
    }
    return null;
  }

  #waitingOf(request: LockRequest): Waiting {
    const known = this.#waiting.get(request);
    if (known !== undefined) return known;
    const waiting: Waiting = { unmet: 0, helps: [], waits: [] };
    this.#waiting.set(request, waiting);
    this.#unexplored.push(request);
    return waiting;
  }

  #explore(request: LockRequest): void {
    const waiting = this.#waitingOf(request);
    if (request.isUpgrading) return this.#needsRoom(waiting, request.lock, othersThan(request), 0);
    for (const claim of request.claims) {
      const { lock } = claim;
      if (lock.upgrading !== null) this.#follows(waiting, lock, lock.upgrading);
      for (const ahead of lock.queue) {
        if (ahead === request || this.#stepsLeft < 0) break;
        this.#follows(waiting, lock, ahead);
      }
      this.#needsRoom(waiting, lock, inItsWay(claim), claim.mode === 'permits' ? lock.limit - claim.count : 0);
    }
  }

  /** `on` must be granted first, and give back what it was granted. */
  #follows(waiting: Waiting, lock: Lock, on: LockRequest): void {
    this.#stepsLeft -= 1;
    waiting.waits.push({ lock, on });
    waiting.unmet += 1;
    this.#waitingOf(on).helps.push({ condition: { of: waiting, inTheWay: 1 }, by: 1 });
  }

  /** Of what these have of the lock, no more than `spare` may be left. */
  #needsRoom(waiting: Waiting, lock: Lock, holders: readonly LockRequest[], spare: number): void {
    const condition: Condition = { of: waiting, inTheWay: -spare };
    const helpers: { readonly hold: Outcome; readonly by: number }[] = [];
    for (const holder of holders) {
      const keepers = [...(holder.isUpgrading ? [holder] : []), ...inTurn(holder.keptBy)];
      this.#stepsLeft -= 1 + keepers.length;
      if (this.#stepsLeft < 0) return;
      if (keepers.length === 0) continue;
      const by = holder.claims.find((claim) => claim.lock === lock)?.count ?? 0;
      condition.inTheWay += by;
      helpers.push({ hold: this.#holdOf(holder, keepers), by });
      for (const on of keepers) waiting.waits.push({ lock, on });
    }
    if (condition.inTheWay <= 0) return;
    waiting.unmet += 1;
    for (const { by, hold } of helpers) hold.helps.push({ condition, by });
  }

  /** It ends when those that keep it have been granted what they wait for. */
  #holdOf(hold: LockRequest, keepers: readonly LockRequest[]): Outcome {
    const known = this.#holds.get(hold);
    if (known !== undefined) return known;
    const outcome: Outcome = { unmet: keepers.length, helps: [] };
    this.#holds.set(hold, outcome);
    for (const keeper of keepers) {
      this.#waitingOf(keeper).helps.push({ condition: { of: outcome, inTheWay: 1 }, by: 1 });
    }
    return outcome;
  }

  #play(): void {
    const come: Outcome[] = [...this.#waiting.values()].filter(({ unmet }) => unmet === 0);
    for (let one = come.pop(); one !== undefined; one = come.pop()) {
      for (const { by, condition } of one.helps) {
        const wasMet = condition.inTheWay <= 0;
        condition.inTheWay -= by;
        if (wasMet || condition.inTheWay > 0) continue;
        condition.of.unmet -= 1;
        if (condition.of.unmet === 0) come.push(condition.of);
      }
    }
  }

  /** Depth first through what waits for ever, with a stack of its own: a chain of waiting may be longer than the engine's. */
  #pathThrough(start: LockRequest): Cycle | null {
    const seen = new Set([start]);
    const path = [{ request: start, lock: start.lock, next: this.#stuckBefore(start) }];
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const step = top.next.pop();
      if (step === undefined) {
        path.pop();
        continue;
      }
      top.lock = step.lock;
      if (step.on === start) return path;
      if (seen.has(step.on)) continue;
      seen.add(step.on);
      path.push({ request: step.on, lock: step.on.lock, next: this.#stuckBefore(step.on) });
    }
    return null;
  }

  /** Last what is looked at first. */
  #stuckBefore(request: LockRequest): Wait[] {
    const { waits } = this.#waitingOf(request);
    return waits.filter(({ on }) => this.#waitingOf(on).unmet > 0).toReversed();
  }
}

/** Who shares the lock with one that waits to have it alone. */
function othersThan(request: LockRequest): readonly LockRequest[] {
  return inTurn(request.lock.holders).filter((one) => one !== request && !one.isDelayed);
}

/** Those who hold what is wanted, or will before it is granted. A delay ends by itself. */
function inItsWay({ lock, mode }: Claim): readonly LockRequest[] {
  const shares = mode === 'shared' && !lock.isExclusive;
  return inTurn(lock.holders).filter(({ isDelayed, isUpgrading }) => !isDelayed && (isUpgrading || !shares));
}

/** For people: `lock "a" (7:3) → lock "b" (9:1) → lock "a" (7:3)`, with what each waits for, and the session and sequence of its request. */
function cycleText(cycle: Cycle): string {
  const named = cycle.map(({ lock, request: { owner, sequence } }) => {
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
