import type { Reader } from '../reader.ts';
import { readText, textLength } from './primitive.ts';
import { SchemaViolation, type Type } from './type.ts';

/** What an integer counts as. */
const numberBytes = 8;

/**
 * Names with values, as one array `[name, value, name, value, …]`: MessagePack maps are not part of the protocol. Names are texts, each
 * once; values texts, or with `numbers` also integers; all of it at most `maxBytes`, an integer counting as 8.
 */
export function record<V extends string | number>(
  name: string,
  maxBytes: number,
  numbers: V extends string ? false : true,
): Type<Readonly<Record<string, V>>> {
  const tooLong = (total: number): SchemaViolation =>
    new SchemaViolation(`${total} bytes of UTF-8, the limit is ${maxBytes}`, true);
  const readValue = (from: Reader, add: (length: number) => void): string | number => {
    if (!numbers || !from.isInteger) return readText(from, add);
    const value = from.integer();
    if (value < 0) throw new SchemaViolation(`${value} is below 0`);
    add(numberBytes);
    return value;
  };
  const definition = `record of ${numbers ? 'texts and integers' : 'texts'} ≤ ${maxBytes} bytes`;
  return {
    name: `${name}: ${definition}`,
    definition,
    write: (value, out) => {
      const pairs = Object.entries(value).flat();
      const total = pairs.reduce<number>((sum, part, at) => sum + size(part, numbers && at % 2 === 1), 0);
      if (total > maxBytes) throw tooLong(total);
      out.array(pairs.length);
      for (const part of pairs) {
        if (typeof part === 'number') out.integer(part);
        else out.text(part);
      }
    },
    read: (from) => {
      const parts = from.array('where a list of names and values belongs');
      if (parts % 2 !== 0) throw new SchemaViolation('a name without a value');
      const entries: [string, V][] = [];
      const names = new Set<string>();
      let total = 0;
      const add = (length: number): void => {
        total += length;
        if (total > maxBytes) throw tooLong(total);
      };
      for (let left = parts; left > 0; left -= 2) {
        const key = readText(from, add);
        if (names.has(key)) throw new SchemaViolation(`the name "${key}" stands twice`);
        names.add(key);
        entries.push([key, readValue(from, add) as V]);
      }
      // `fromEntries` defines properties: a name like `__proto__` becomes a plain one.
      return Object.fromEntries(entries);
    },
  };
}

function size(part: unknown, mayBeNumber: boolean): number {
  if (typeof part === 'number' && mayBeNumber && Number.isSafeInteger(part) && part >= 0) return numberBytes;
  return textLength(part);
}
