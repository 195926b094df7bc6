import type { MemberId } from '@conclave/core';

/** `name positional… key=value key=(1,2)`. Whatever a command does not take is an error: a misspelt key must not go unnoticed. */
export class CommandLine {
  readonly name: string;
  readonly #words: string[] = [];
  readonly #values = new Map<string, string>();

  constructor(text: string) {
    const [name = '', ...rest] = text.match(/(?:\([^)]*\)|[^\s(])+/g) ?? [];
    this.name = name;
    for (const token of rest) {
      const equals = token.indexOf('=');
      if (equals > 0) this.#values.set(token.slice(0, equals), token.slice(equals + 1));
      else this.#words.push(token);
    }
  }

  word(what: string): string {
    const word = this.#words.shift();
    if (word === undefined) throw new Error(`${this.name}: ${what} is missing`);
    return word;
  }

  /** All positional words that are left. */
  words(): string[] {
    return this.#words.splice(0);
  }

  /** Whether `word` stands among the positional ones; it is taken. */
  flag(word: string): boolean {
    const at = this.#words.indexOf(word);
    if (at !== -1) this.#words.splice(at, 1);
    return at !== -1;
  }

  member(): MemberId {
    return this.#number('member', this.word('a member')) as MemberId;
  }

  /** The members that are named, or `all` when none is. */
  members(all: readonly MemberId[] = []): readonly MemberId[] {
    const named = this.words().map((word) => this.#number('member', word) as MemberId);
    return named.length === 0 ? all : named;
  }

  value(key: string): string | null {
    const value = this.#values.get(key) ?? null;
    this.#values.delete(key);
    return value;
  }

  number(key: string): number | null {
    const value = this.value(key);
    return value === null ? null : this.#number(key, value);
  }

  /** `key=(1,2)`, or `key=1` for a list of one. */
  list(key: string): number[] | null {
    const value = this.value(key);
    if (value === null) return null;
    const inner = value.replace(/^\(|\)$/g, '');
    return inner === '' ? [] : inner.split(',').map((item) => this.#number(key, item));
  }

  /** Every pair of key and value that is left. */
  rest(): [string, string][] {
    const rest = [...this.#values];
    this.#values.clear();
    return rest;
  }

  end(): void {
    const left = [...this.#words, ...this.#values.keys()];
    if (left.length > 0) throw new Error(`${this.name} does not take ${left.join(', ')}`);
  }

  #number(what: string, text: string): number {
    const number = Number(text);
    if (text === '' || !Number.isFinite(number)) throw new Error(`${this.name}: ${what} must be a number, not ${text}`);
    return number;
  }
}
