// The network of a cluster whose every link passes a proxy: what is said of the way from one member to another, and of the way of clients.
import type { Direction, Proxy, Side, Weather } from '../processes/proxy.ts';

/** Of everything that a member sends to another, over whichever connection; or of the connections of clients to a member. */
export type Rule =
  | { readonly from: number; readonly to: number; readonly weather: Weather }
  | { readonly clientsOf: number; readonly direction: Direction; readonly weather: Weather };

/** Where the proxies are: those of members that join come in later. */
export interface Proxies {
  readonly links: ReadonlyMap<number, Proxy>;
  readonly doors: ReadonlyMap<number, Proxy>;
}

export class Network {
  readonly #proxies: Proxies;
  readonly #rules = new Set<readonly Rule[]>();

  constructor(proxies: Proxies) {
    this.#proxies = proxies;
  }

  /** In force, beside all others, until the answer is called. */
  impose(rules: readonly Rule[]): () => void {
    this.#rules.add(rules);
    this.#enforce();
    return () => {
      this.#rules.delete(rules);
      this.#enforce();
    };
  }

  /** What `member` has dialled to `peer` breaks, for both or, with `side`, for one of them alone. */
  break(member: number, peer: number, side?: Side): void {
    const link = this.#proxies.links.get(peer);
    if (side === undefined) link?.drop({ caller: `${member}` });
    else link?.halve(side, `${member}`);
  }

  breakClients(member: number): void {
    this.#proxies.doors.get(member)?.drop();
  }

  #enforce(): void {
    const rules = [...this.#rules].flat();
    const ids = [...this.#proxies.links.keys()];
    const between = (from: number, to: number): Weather =>
      worst(rules.flatMap((rule) => ('from' in rule && rule.from === from && rule.to === to ? [rule.weather] : [])));
    for (const [id, link] of this.#proxies.links) {
      for (const other of ids) {
        // What `other` has dialled carries its words forward and those of `id` back.
        if (other !== id) link.setFor(`${other}`, { forward: between(other, id), backward: between(id, other) });
      }
    }
    for (const [id, door] of this.#proxies.doors) {
      for (const direction of ['forward', 'backward'] as const) {
        const own = rules.flatMap((rule) =>
          'clientsOf' in rule && rule.clientsOf === id && rule.direction === direction ? [rule.weather] : [],
        );
        door.set(worst(own), direction);
      }
    }
  }
}

function worst(weathers: readonly Weather[]): Weather {
  const rates = weathers.flatMap(({ bytesPerSecond }) => bytesPerSecond ?? []);
  return {
    cut: weathers.some(({ cut }) => cut === true),
    delayMs: Math.max(0, ...weathers.map(({ delayMs = 0 }) => delayMs)),
    jitterMs: Math.max(0, ...weathers.map(({ jitterMs = 0 }) => jitterMs)),
    ...(rates.length > 0 && { bytesPerSecond: Math.min(...rates) }),
  };
}

/** Nothing passes between the two, either way. */
function apart(a: number, b: number): Rule[] {
  const weather = { cut: true };
  return [
    { from: a, to: b, weather },
    { from: b, to: a, weather },
  ];
}

/** Nobody of the one group hears anybody of the other. */
export function partition(some: readonly number[], others: readonly number[]): Rule[] {
  return some.flatMap((a) => others.flatMap((b) => apart(a, b)));
}
