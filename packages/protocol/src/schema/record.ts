import { textLength } from './primitive.ts';
import { kindOf, SchemaViolation, type Type } from './type.ts';

/**
 * Names with values, as one array `[name, value, name, value, …]`: MessagePack maps are not part of the protocol. Names are texts, each
 * once; values texts, or with `numbers` also integers; all of it at most `maxBytes`, an integer counting as 8.
 */
export function record<V extends string | number>(
  name: string,
  maxBytes: number,
  numbers: V extends string ? false : true,
): Type<Readonly<Record<string, V>>> {
  const check = (pairs: readonly unknown[]): void => {
    if (pairs.length % 2 !== 0) throw new SchemaViolation('a name without a value');
    let total = 0;
    for (let i = 0; i < pairs.length; i += 2) total += size(pairs[i], false) + size(pairs[i + 1], numbers);
    if (total > maxBytes) throw new SchemaViolation(`${total} bytes of UTF-8, the limit is ${maxBytes}`, true);
  };
  const definition = `record of ${numbers ? 'texts and integers' : 'texts'} ≤ ${maxBytes} bytes`;
  return {
    name: `${name}: ${definition}`,
    definition,
    write: (value, out) => {
      const pairs = Object.entries(value).flat();
      check(pairs);
      out.array(pairs.length);
      for (const part of pairs) {
        if (typeof part === 'number') out.integer(part);
        else out.text(part);
      }
    },
    read: (raw) => {
      if (!Array.isArray(raw)) throw new SchemaViolation(`${kindOf(raw)} where a list of names and values belongs`);
      check(raw);
      const entries: [string, V][] = [];
      const names = new Set<string>();
      for (let i = 0; i < raw.length; i += 2) {
        const key = raw[i] as string;
        if (names.has(key)) throw new SchemaViolation(`the name "${key}" stands twice`);
        names.add(key);
        entries.push([key, raw[i + 1] as V]);
      }
      // `fromEntries` defines properties: a name like `__proto__` becomes a plain one.
      return Object.fromEntries(entries);
    },
  };
}

function size(part: unknown, mayBeNumber: boolean): number {
  if (typeof part === 'number' && mayBeNumber && Number.isSafeInteger(part) && part >= 0) return 8;
  if (typeof part !== 'string') throw new SchemaViolation(`${kindOf(part)} where a text belongs`);
  return textLength(part);
}
