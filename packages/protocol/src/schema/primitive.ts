// The leaves: numbers, booleans, bytes, texts, names of a closed set.
import { kindOf, SchemaViolation, type Type } from './type.ts';
import { utf8Length } from './utf8.ts';

/** An integer from `min` to `max`, both included. */
export function integer(name: string, min: number, max: number = Number.MAX_SAFE_INTEGER): Type<number> {
  const definition = `integer ${min}..${max === Number.MAX_SAFE_INTEGER ? '2^53-1' : max}`;
  const check = (value: unknown): number => {
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) {
      throw new SchemaViolation(`${kindOf(value)} where an integer belongs`);
    }
    if (value < min) throw new SchemaViolation(`${value} is below ${min}`);
    if (value > max) throw new SchemaViolation(`${value} is above ${max}`);
    return value;
  };
  return {
    name: `${name}: ${definition}`,
    definition,
    write: (value, out) => out.integer(check(value)),
    read: check,
  };
}

const checkBoolean = (value: unknown): boolean => {
  if (typeof value !== 'boolean') throw new SchemaViolation(`${kindOf(value)} where a boolean belongs`);
  return value;
};

export const boolean: Type<boolean> = {
  name: 'boolean',
  definition: 'boolean',
  write: (value, out) => out.boolean(checkBoolean(value)),
  read: checkBoolean,
};

/** MessagePack bin of `min` to `max` bytes. What `read` gives is a view of the frame: copy it before keeping it. */
export function bytes(name: string, min: number, max: number): Type<Uint8Array> {
  const check = (value: unknown): Uint8Array => {
    if (!(value instanceof Uint8Array)) throw new SchemaViolation(`${kindOf(value)} where bytes belong`);
    if (value.length < min) throw new SchemaViolation(`${value.length} bytes, at least ${min} are needed`);
    if (value.length > max) throw new SchemaViolation(`${value.length} bytes, the limit is ${max}`, true);
    return value;
  };
  const definition = min === max ? `${min} bytes` : `bytes ${min}..${max}`;
  return { name: `${name}: ${definition}`, definition, write: (value, out) => out.bytes(check(value)), read: check };
}

/** MessagePack str, at most `maxBytes` long as UTF-8. */
export function text(name: string, maxBytes: number): Type<string> {
  const check = (value: unknown): string => {
    if (typeof value !== 'string') throw new SchemaViolation(`${kindOf(value)} where a text belongs`);
    const length = textLength(value);
    if (length > maxBytes) throw new SchemaViolation(`${length} bytes of UTF-8, the limit is ${maxBytes}`, true);
    return value;
  };
  const definition = `text ≤ ${maxBytes} bytes`;
  return { name: `${name}: ${definition}`, definition, write: (value, out) => out.text(check(value)), read: check };
}

/** Bytes that a text takes. Throws `SchemaViolation` for one that would not arrive as it is. */
export function textLength(value: string): number {
  const length = utf8Length(value);
  if (length === -1) throw new SchemaViolation('half of a surrogate pair in a text');
  // TextDecoder, which msgpackr uses for texts above 64 bytes, takes it for a mark of the encoding and drops it.
  if (value.startsWith('\ufeff')) throw new SchemaViolation('a byte order mark (U+FEFF) in front of a text');
  return length;
}

/** One of a closed set of names, as a small integer that is never renumbered. */
export function choice<N extends string>(name: string, numbers: Readonly<Record<N, number>>): Type<N> {
  const byNumber = new Map<unknown, N>();
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
    read: (raw) => {
      const word = byNumber.get(raw);
      if (word === undefined) throw new SchemaViolation(`${printed(raw)} is none of ${known}`);
      return word;
    },
  };
}

export function nullable<T>(type: Type<T>): Type<T | null> {
  return {
    name: `${type.name}, or null`,
    definition: `nullable ${type.definition}`,
    write: (value, out) => (value === null ? out.null() : type.write(value, out)),
    read: (raw) => (raw === null ? null : type.read(raw)),
  };
}

function printed(raw: unknown): string {
  return typeof raw === 'number' || typeof raw === 'boolean' ? String(raw) : kindOf(raw);
}
