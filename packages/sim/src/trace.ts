/** What happened, folded into one number: two runs of a seed must agree on it. Prints as it goes when asked to. */
export class Trace {
  #hash = 0x811c9dc5;
  readonly #print: ((line: string) => void) | null;

  constructor(print: ((line: string) => void) | null) {
    this.#print = print;
  }

  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0');
  }

  /** Numbers only, so that recording costs nothing beside what it records; `describe` is called when somebody reads along. */
  record(time: number, kind: number, a: number, b: number, c: number, describe: () => string): void {
    this.#fold(Math.round(time * 1_000));
    this.#fold(kind);
    this.#fold(a);
    this.#fold(b);
    this.#fold(c);
    this.#print?.(`${time.toFixed(3).padStart(11)}  ${describe()}`);
  }

  #fold(value: number): void {
    this.#hash = Math.imul(this.#hash ^ (value | 0), 0x01000193);
    this.#hash = Math.imul(this.#hash ^ Math.floor(value / 2 ** 32), 0x01000193);
  }
}
