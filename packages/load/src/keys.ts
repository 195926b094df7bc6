/** The keys of one run, by number. */
export class Keys {
  readonly #prefix: string;
  readonly count: number;

  constructor(prefix: string, count: number) {
    this.#prefix = prefix;
    this.count = count;
  }

  /** Of fixed width, so that neighbours in number are neighbours in order. `count` itself names the end behind the last. */
  name(key: number): string {
    return this.#prefix + String(key).padStart(7, '0');
  }

  numberOf(name: string): number {
    return Number(name.slice(this.#prefix.length));
  }

  random(): number {
    return Math.floor(Math.random() * this.count);
  }

  /** One that belongs to the worker: nobody else writes it. */
  randomOf(worker: number, workers: number): number {
    const own = Math.floor((this.count - 1 - worker) / workers) + 1;
    return worker + workers * Math.floor(Math.random() * own);
  }
}
