// What the nemesis will do, and when: data, a function of the seed alone. Whom a step meets depends on who leads and runs by then.
import { Random } from '../history/testing/random.ts';

/** By the part of the system that they strike. Each group deals its kinds like cards: none comes again before all have come. */
export const faults = {
  process: ['kill', 'kill all', 'stop', 'stop', 'terminate', 'kill'],
  network: ['isolate', 'one-way', 'bridge', 'split', 'slow', 'half-open', 'reset', 'cut clients', 'slow clients'],
  disk: ['fill disk'],
  leadership: ['transfer'],
  membership: ['add', 'promote', 'replace', 'remove', 'add learner'],
} as const;

type Group = keyof typeof faults;
export type FaultKind = (typeof faults)[Group][number];
export type MembershipKind = (typeof faults.membership)[number];

export interface Step {
  readonly kind: FaultKind;
  /** From the beginning of the round. */
  readonly atMs: number;
  /** Until it is taken back. A change of the membership is not. */
  readonly forMs: number;
  /** A number in [0, 1) chooses among those that can be struck, in the order of their ids. */
  readonly target: 'leader' | number;
  /** For what else there is to choose. */
  readonly salt: number;
}

/** A storm, in which steps overlap; all is taken back at its end, and then the cluster must serve everybody again. */
export interface Round {
  readonly steps: readonly Step[];
}

export interface Plan {
  readonly seed: number;
  readonly rounds: readonly Round[];
}

export const stormMs = 5_000;
/** A storm, and what it takes until everybody is served again. */
const roundSeconds = 10;

interface Share {
  /** How many steps of a round, at most and at least. */
  readonly steps: readonly [number, number];
  readonly forMs: readonly [number, number];
  /** How often the leader is chosen, whoever that is. */
  readonly leader: number;
}

const shares: Readonly<Record<Group, Share>> = {
  process: { steps: [1, 2], forMs: [50, 3_500], leader: 0.5 },
  network: { steps: [1, 3], forMs: [300, 4_000], leader: 0.5 },
  disk: { steps: [0, 1], forMs: [500, 3_000], leader: 0.4 },
  leadership: { steps: [0, 2], forMs: [0, 0], leader: 0 },
  membership: { steps: [0, 1], forMs: [0, 0], leader: 0.2 },
};

export function planFor(seed: number, seconds: number): Plan {
  const random = new Random(seed);
  const groups = Object.keys(faults) as Group[];
  const decks = new Map(groups.map((group) => [group, new Deck(faults[group], random)]));
  const rounds = Array.from({ length: Math.max(1, Math.round(seconds / roundSeconds)) }, (): Round => {
    const steps = groups.flatMap((group) => {
      const count = random.integer(...shares[group].steps);
      return Array.from({ length: count }, () => stepOf(decks.get(group)?.deal() as FaultKind, shares[group], random));
    });
    return { steps: steps.toSorted((a, b) => a.atMs - b.atMs) };
  });
  return { seed, rounds };
}

function stepOf(kind: FaultKind, { forMs, leader }: Share, random: Random): Step {
  const atMs = random.integer(0, stormMs - forMs[0]);
  return {
    kind,
    atMs,
    forMs: Math.min(random.integer(...forMs), stormMs - atMs),
    target: random.chance(leader) ? 'leader' : random.next(),
    salt: random.integer(0, 2 ** 31),
  };
}

class Deck {
  readonly #cards: readonly FaultKind[];
  readonly #random: Random;
  #left: FaultKind[] = [];

  constructor(cards: readonly FaultKind[], random: Random) {
    this.#cards = cards;
    this.#random = random;
  }

  deal(): FaultKind {
    if (this.#left.length === 0) this.#left = [...this.#cards];
    const at = this.#random.integer(0, this.#left.length - 1);
    return this.#left.splice(at, 1)[0] as FaultKind;
  }
}
