// Is there an order of these operations that a sequential object explains and that respects real time? The algorithm of Wing and
// Gong (1993) with Lowe's memory of configurations (2017), as in Porcupine, with four changes that keep histories of tens of
// thousands of operations and many unknown outcomes small:
//
//  - A read that is possible now is taken at once and without an alternative: whatever order takes it later also explains the
//    history with it moved to here. (Not so a deletion of what is absent now: later it may be the one that deletes.)
//  - Unknown operations of the same effect are interchangeable, so the earliest called is tried first and the others are not
//    alternatives to it.
//  - An unknown operation is spent only right before an operation that is impossible without it: one that is spent earlier can
//    be put off until then, and one that nothing needs can be left out.
//  - A configuration is worse than one that reached the same state with the same operations done and fewer unknown ones spent.

/** One operation as the search sees it. States are numbers, so that they are cheap to remember. */
export interface Move {
  readonly callNs: number;
  /** Infinity for an optional move. */
  readonly returnNs: number;
  /** An operation of unknown outcome: it may be left out. Moves with the same text have the same effect. */
  readonly optionalEffect: string | undefined;
  /** The only state that it is possible in, when there is only one: a search over thousands of optional moves looks at few. */
  readonly onlyFrom?: number;
  /** A read: it changes no state that it is possible in. */
  readonly isRead: boolean;
  /** The state after it, or undefined when its result cannot come from `state`. */
  apply(state: number): number | undefined;
}

export interface Outcome {
  readonly kind: 'explained' | 'impossible' | 'undecided';
  readonly configurations: number;
}

/** A choice among the moves possible now. `effect` is -1 for a required move, else the class of an optional one. */
interface Choice {
  readonly required: number;
  readonly effect: number;
  readonly state: number;
}

interface Frame {
  /** Every required move below this index is done … */
  readonly done: number;
  /** … and these above it, ascending. As many as were concurrent, so the configuration stays small. */
  readonly ahead: readonly number[];
  /** How many optional moves of each effect are spent. */
  readonly spent: readonly number[];
  readonly choices: readonly Choice[];
  next: number;
}

export const defaultMaxConfigurations = 1_000_000;

/** Explores at most `maxConfigurations`; beyond that the answer is `undecided`. */
export function search(moves: readonly Move[], initial: number, maxConfigurations: number): Outcome {
  const required = moves.filter((move) => move.optionalEffect === undefined).toSorted(byCall);
  const effects = new Effects(moves);
  const seen = new Configurations();
  const none = effects.groups.map(() => 0);
  const stack: Frame[] = [frameAt(required, effects, 0, [], none, initial)];
  let configurations = 1;

  while (stack.length > 0) {
    const frame = stack.at(-1) as Frame;
    if (frame.done === required.length) return { kind: 'explained', configurations };
    const choice = frame.choices[frame.next++];
    if (choice === undefined) {
      stack.pop();
      continue;
    }
    let { done, ahead, spent } = frame;
    if (choice.effect >= 0) spent = spent.map((count, effect) => (effect === choice.effect ? count + 1 : count));
    else if (choice.required === done) [done, ahead] = skipDone(done + 1, ahead);
    else ahead = [...ahead, choice.required].toSorted((a, b) => a - b);

    if (!seen.add(`${done} ${choice.state} ${ahead.join(' ')}`, spent)) continue;
    if (++configurations > maxConfigurations) return { kind: 'undecided', configurations };
    stack.push(frameAt(required, effects, done, ahead, spent, choice.state));
  }
  return { kind: 'impossible', configurations };
}

/** What may come next: no move may be overtaken by one that was called after it returned. Times that are equal are concurrent. */
function frameAt(
  required: readonly Move[],
  effects: Effects,
  done: number,
  ahead: readonly number[],
  spent: readonly number[],
  state: number,
): Frame {
  const pending: number[] = [];
  let skipped = 0;
  let firstReturnNs = Number.POSITIVE_INFINITY;
  for (let index = done; index < required.length; index++) {
    const move = required[index] as Move;
    if (move.callNs > firstReturnNs) break;
    if (ahead[skipped] === index) {
      skipped++;
      continue;
    }
    pending.push(index);
    firstReturnNs = Math.min(firstReturnNs, move.returnNs);
  }
  const choices: Choice[] = [];
  const frame = (list: readonly Choice[]): Frame => ({ done, ahead, spent, choices: list, next: 0 });
  for (const index of pending) {
    const move = required[index] as Move;
    if (move.callNs > firstReturnNs) continue;
    const next = move.apply(state);
    if (next === undefined) continue;
    const choice = { required: index, effect: -1, state: next };
    if (move.isRead && next === state) return frame([choice]);
    choices.push(choice);
  }
  // What returns first is the likeliest to have come first.
  choices.sort((a, b) => (required[a.required] as Move).returnNs - (required[b.required] as Move).returnNs);
  const candidates = pending.map((index) => required[index] as Move).filter(({ callNs }) => callNs <= firstReturnNs);
  const unspent = (effect: number): Move | undefined => {
    const move = effects.groups[effect]?.[spent[effect] as number];
    return move !== undefined && move.callNs <= firstReturnNs ? move : undefined;
  };
  for (const effect of effects.possibleFrom(state)) {
    const next = unspent(effect)?.apply(state);
    if (next === undefined || next === state) continue;
    const isNeeded = (other: Move | undefined): boolean => {
      const after = other?.apply(state) === undefined ? other?.apply(next) : undefined;
      return after !== undefined && (other?.optionalEffect === undefined || after !== state);
    };
    if (candidates.some(isNeeded) || effects.possibleFrom(next).some((other) => isNeeded(unspent(other)))) {
      choices.push({ required: -1, effect, state: next });
    }
  }
  return frame(choices);
}

function skipDone(done: number, ahead: readonly number[]): [number, readonly number[]] {
  let count = 0;
  while (ahead[count] === done) {
    done++;
    count++;
  }
  return [done, count === 0 ? ahead : ahead.slice(count)];
}

/** The optional moves, those of one effect together in the order of their calls. */
class Effects {
  readonly groups: readonly (readonly Move[])[];
  readonly #fromAny: number[] = [];
  readonly #fromOne = new Map<number, number[]>();

  constructor(moves: readonly Move[]) {
    const groups = new Map<string, Move[]>();
    for (const move of moves) {
      if (move.optionalEffect === undefined) continue;
      const group = groups.get(move.optionalEffect);
      if (group === undefined) groups.set(move.optionalEffect, [move]);
      else group.push(move);
    }
    this.groups = [...groups.values()].map((group) => group.toSorted(byCall));
    for (const [effect, group] of this.groups.entries()) {
      const from = group[0]?.onlyFrom;
      if (from === undefined) this.#fromAny.push(effect);
      else this.#fromOne.set(from, [...(this.#fromOne.get(from) ?? []), effect]);
    }
  }

  possibleFrom(state: number): readonly number[] {
    const fromOne = this.#fromOne.get(state);
    return fromOne === undefined ? this.#fromAny : [...this.#fromAny, ...fromOne];
  }
}

function byCall(a: Move, b: Move): number {
  return a.callNs - b.callNs;
}

/** The configurations met so far, each with the smallest expenses of optional moves that reached it. */
class Configurations {
  readonly #spentBy = new Map<string, (readonly number[])[]>();

  /** False when this one, or one that had spent no more, was here before. */
  add(configuration: string, spent: readonly number[]): boolean {
    const known = this.#spentBy.get(configuration);
    if (known === undefined) {
      this.#spentBy.set(configuration, [spent]);
      return true;
    }
    if (known.some((other) => noMore(other, spent))) return false;
    const kept = known.filter((other) => !noMore(spent, other));
    kept.push(spent);
    this.#spentBy.set(configuration, kept);
    return true;
  }
}

function noMore(a: readonly number[], b: readonly number[]): boolean {
  return a.every((count, index) => count <= (b[index] as number));
}
