// The leaves: numbers, booleans, bytes, texts, names of a closed set.
import type { Reader } from '../reader.ts';
import { kindOf, SchemaViolation, type Type } from './type.ts';
import { utf8Length } from './utf8.ts';

/** An integer from `min` to `max`, both included. */
export function integer(name: string, min: number, max: number = Number.MAX_SAFE_INTEGER): Type<number> {
  const definition = `integer ${min}..${max === Number.MAX_SAFE_INTEGER ? '2^53-1' : max}`;
  const check = (value: number): number => {
    if (value < min) throw new SchemaViolation(`${value} is below ${min}`);
    if (value > max) throw new SchemaViolation(`${value} is above ${max}`);
    return value;
  };
  return {
    name: `${name}: ${definition}`,
    definition,
    write: (value, out) => {
      if (typeof value !== 'number' || !Number.isSafeInteger(value)) {
        throw new SchemaViolation(`${kindOf(value)} where an integer belongs`);
      }
      out.integer(check(value));
    },
    read: (from) => check(from.integer()),
  };
}

export const boolean: Type<boolean> = {
  name: 'boolean',
  definition: 'boolean',
  write: (value, out) => {
    if (typeof value !== 'boolean') throw new SchemaViolation(`${kindOf(value)} where a boolean belongs`);
    out.boolean(value);
  },
  read: (from) => from.boolean(),
};

/** MessagePack bin of `min` to `max` bytes. What `read` gives is a view of the frame: copy it before keeping it. */
export function bytes(name: string, min: number, max: number): Type<Uint8Array> {
  const check = (value: Uint8Array): Uint8Array => {
    if (value.length < min) throw new SchemaViolation(`${value.length} bytes, at least ${min} are needed`);
    if (value.length > max) throw new SchemaViolation(`${value.length} bytes, the limit is ${max}`, true);
    return value;
  };
  const definition = min === max ? `${min} bytes` : `bytes ${min}..${max}`;
  return {
    name: `${name}: ${definition}`,
    definition,
    write: (value, out) => {
      if (!(value instanceof Uint8Array)) throw new SchemaViolation(`${kindOf(value)} where bytes belong`);
      out.bytes(check(value));
    },
    read: (from) => check(from.bytes()),
  };
}

/** MessagePack str, at most `maxBytes` long as UTF-8. */
export function text(name: string, maxBytes: number): Type<string> {
  const checkLength = (length: number): void => {
    if (length > maxBytes) throw new SchemaViolation(`${length} bytes of UTF-8, the limit is ${maxBytes}`, true);
  };
  const definition = `text ≤ ${maxBytes} bytes`;
  return {
    name: `${name}: ${definition}`,
    definition,
    write: (value, out) => {
      checkLength(textLength(value));
      out.text(value);
    },
    read: (from) => readText(from, checkLength),
  };
}

/** `checkLength` is told how many bytes it takes, before it is made. */
export function readText(from: Reader, checkLength: (length: number) => void): string {
  const value = from.text(checkLength);
  checkMark(value);
  return value;
}

/** Bytes that a text takes. Throws `SchemaViolation` for one that would not arrive as it is. */
export function textLength(value: unknown): number {
  if (typeof value !== 'string') throw new SchemaViolation(`${kindOf(value)} where a text belongs`);
  const length = utf8Length(value);
  if (length === -1) throw new SchemaViolation('half of a surrogate pair in a text');
  checkMark(value);
  return length;
}

/** Many decoders take it for a mark of the encoding and drop it. */
function checkMark(value: string): void {
  if (value.startsWith('\ufeff')) throw new SchemaViolation('a byte order mark (U+FEFF) in front of a text');
}

/** One of a closed set of names, as a small integer that is never renumbered. */
export function choice<N extends string>(name: string, numbers: Readonly<Record<N, number>>): Type<N> {
  const byNumber = new Map<number, N>();
  for (const [word, number] of Object.entries<number>(numbers)) byNumber.set(number, word as N);
  const known = Object.entries<number>(numbers)
    .map(([word, number]) => `${number} ${word}`)
    .join(', ');
  return {
    name: `${name}: ${known}`,
    definition: `choice ${known}`,
    write: (value, out) => {
      if (!Object.hasOwn(numbers, value)) throw new SchemaViolation(`"${value}" is none of ${known}`);
      out.integer(numbers[value]);
    },
    read: (from) => {
      const number = from.integer(`is none of ${known}`);
      const word = byNumber.get(number);
      if (word === undefined) throw new SchemaViolation(`${number} is none of ${known}`);
      return word;
    },
  };
}

export function nullable<T>(type: Type<T>): Type<T | null> {
  return {
    name: `${type.name}, or null`,
    definition: `nullable ${type.definition}`,
    write: (value, out) => (value === null ? out.null() : type.write(value, out)),
    read: (from) => (from.isNull() ? null : type.read(from)),
  };
}
