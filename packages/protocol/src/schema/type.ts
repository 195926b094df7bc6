// A schema is data: it checks and converts, it prints itself into docs/protocol.md, and its text is what the test of the protocol
// version hashes. Values are checked on both sides, when they are written and when they are read: a member never sends what a
// client would refuse, and a client's mistake is told to it before it leaves.

import type { Reader } from '../reader.ts';
import type { Writer } from '../writer.ts';

/** How values of `T` look on the wire. */
export interface Type<T> {
  /** As the documentation prints it: `id: integer 1..2^53-1`, `KeyRange`. */
  readonly name: string;
  /** Everything that two implementations must agree on, spelt out to the bottom. */
  readonly definition: string;
  /** Throws `SchemaViolation`. */
  write(value: T, out: Writer): void;
  /** Throws `SchemaViolation`. */
  read(from: Reader): T;
}

/** A value that the schema does not allow. The path grows outwards as the error passes through the structures it is in. */
export class SchemaViolation extends Error {
  override readonly name = 'SchemaViolation';
  readonly problem: string;
  /** Over a limit of size, not of form. */
  readonly tooLarge: boolean;
  /** The field, from the outermost structure: `txn.then[3].key`. */
  path: string;

  constructor(problem: string, tooLarge = false, path = '') {
    super(path === '' ? problem : `${path}: ${problem}`);
    this.problem = problem;
    this.tooLarge = tooLarge;
    this.path = path;
  }

  within(outer: string): this {
    const joint = this.path === '' || this.path.startsWith('[') ? '' : '.';
    this.path = `${outer}${joint}${this.path}`;
    this.message = `${this.path}: ${this.problem}`;
    return this;
  }
}

/** Names the structure or field that the value stood in, on the way up. */
export function within(error: unknown, outer: string): unknown {
  return error instanceof SchemaViolation ? error.within(outer) : error;
}

export function kindOf(raw: unknown): string {
  if (raw === null) return 'null';
  if (raw instanceof Uint8Array) return 'bytes';
  return Array.isArray(raw) ? 'an array' : typeof raw;
}
