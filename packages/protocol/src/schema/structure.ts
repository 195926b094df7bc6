// The branches: lists, positional structures, and unions told apart by a tag. Fields stand on the wire in the order in which the
// table lists them; the compiler checks that a table has every field of the type it is for, with the right type, and no other.
import type { Reader } from '../reader.ts';
import type { Writer } from '../writer.ts';
import { kindOf, SchemaViolation, type Type, within } from './type.ts';

export type Fields<T> = { readonly [F in keyof T]: Type<T[F]> };

export interface Field {
  readonly name: string;
  readonly type: Pick<Type<unknown>, 'name' | 'definition'>;
}

/** What the fields cannot say one by one. */
export interface Rule<T> {
  /** For the documentation and the definition: two implementations must agree on it, too. */
  readonly text: string;
  /** Throws `SchemaViolation`. The fields are as they should be. */
  readonly check: (value: T) => void;
}

interface Extras<T> {
  /** Positions behind the fields that are null until a later version fills them. They are no properties of the value. */
  readonly reserved?: number;
  readonly rule?: Rule<T>;
}

/** A positional array: `[field, field, …]`. */
export interface Structure<T> extends Type<T> {
  readonly fields: readonly Field[];
  readonly rule: string | null;
}

export function list<T>(element: Type<T>, max: number): Type<readonly T[]> {
  const checkLength = (length: number): void => {
    if (length > max) throw new SchemaViolation(`${length} elements, the limit is ${max}`, true);
  };
  return {
    name: `list of ≤ ${max} × ${element.name}`,
    definition: `list ≤ ${max} of ${element.definition}`,
    write: (values, out) => {
      if (!Array.isArray(values)) throw new SchemaViolation(`${kindOf(values)} where a list belongs`);
      checkLength(values.length);
      out.array(values.length);
      let i = 0;
      try {
        for (; i < values.length; i++) element.write(values[i] as T, out);
      } catch (error) {
        throw within(error, `[${i}]`);
      }
    },
    read: (from) => {
      const length = from.array('where a list belongs');
      checkLength(length);
      const values: T[] = [];
      let i = 0;
      try {
        for (; i < length; i++) values.push(element.read(from));
      } catch (error) {
        throw within(error, `[${i}]`);
      }
      return values;
    },
  };
}

export function structure<T extends object>(name: string, fields: Fields<T>, extras: Extras<T> = {}): Structure<T> {
  const shape = new Shape<T>([], fields, {}, extras);
  return {
    name,
    fields: shape.fields,
    rule: extras.rule?.text ?? null,
    definition: `[${shape.definition}]`,
    write: (value, out) => shape.write(value, out),
    read: (from) => shape.read(from, from.array()),
  };
}

/** The member of the union `U` whose discriminator `K` is `N`. */
type Case<U, K extends keyof U, N> = U extends Record<K, infer M> ? (N extends M ? U : never) : never;

export interface CaseTable<T, K extends keyof T> extends Extras<T> {
  /** Never renumbered, never used again for something else. */
  readonly tag: number;
  readonly fields: Fields<Omit<T, K>>;
}

export type Cases<U, K extends keyof U> = {
  readonly [N in U[K] & string]: CaseTable<Case<U, K, N>, K>;
};

export interface UnionCase {
  readonly name: string;
  readonly tag: number;
  readonly fields: readonly Field[];
  readonly rule: string | null;
}

/** `[tag, field, …]`, one shape for each value of the discriminator. */
export interface Union<U> extends Type<U> {
  readonly cases: readonly UnionCase[];
}

export function union<U extends object, K extends keyof U & string>(
  name: string,
  discriminator: K,
  tables: Cases<U, K>,
): Union<U> {
  const byName = new Map<unknown, BuiltCase<U>>();
  const byTag: (BuiltCase<U> | undefined)[] = [];
  for (const [word, table] of Object.entries<CaseTable<U, K>>(tables as never)) {
    const built: BuiltCase<U> = {
      name: word,
      tag: table.tag,
      shape: new Shape<U>([table.tag], table.fields, { [discriminator]: word }, table),
      rule: table.rule?.text ?? null,
    };
    if (byTag[table.tag] !== undefined) throw new Error(`${name}: tag ${table.tag} is used twice`);
    byName.set(word, built);
    byTag[table.tag] = built;
  }
  const cases = [...byName.values()].toSorted((a, b) => a.tag - b.tag);
  return {
    name,
    cases: cases.map((built) => ({ name: built.name, tag: built.tag, fields: built.shape.fields, rule: built.rule })),
    definition: `union {${cases.map((built) => `${built.name} [${built.tag}, ${built.shape.definition}]`).join('; ')}}`,
    write: (value, out) => {
      checkObject(value);
      const built = byName.get(value[discriminator]);
      if (built === undefined) throw new SchemaViolation(`${String(value[discriminator])} is no ${name}`);
      try {
        built.shape.write(value, out);
      } catch (error) {
        throw within(error, built.name);
      }
    },
    read: (from) => {
      const length = from.array();
      if (length === 0) throw new SchemaViolation(`an empty array is no ${name}`);
      const tag = from.integer(`is no ${name}`);
      const built = byTag[tag];
      if (built === undefined) throw new SchemaViolation(`tag ${tag} is no ${name}`);
      try {
        return built.shape.read(from, length);
      } catch (error) {
        throw within(error, built.name);
      }
    },
  };
}

interface BuiltCase<T> {
  readonly name: string;
  readonly tag: number;
  readonly shape: Shape<T>;
  readonly rule: string | null;
}

const reservedField: Field = { name: '(reserved)', type: { name: 'null', definition: 'reserved' } };

/** Fixed positions, fields, reserved positions. */
class Shape<T> {
  readonly fields: readonly Field[];
  readonly definition: string;
  readonly #names: readonly string[];
  readonly #types: readonly Type<unknown>[];
  readonly #fixed: readonly number[];
  readonly #reserved: number;
  readonly #check: ((value: T) => void) | null;
  /** Every value read is a copy of it, so that all of them have one hidden class and later code stays monomorphic. */
  readonly #template: Record<string, unknown>;

  constructor(
    fixed: readonly number[],
    fields: object,
    constants: Readonly<Record<string, string>>,
    extras: Extras<T>,
  ) {
    const reserved = extras.reserved ?? 0;
    const rule = extras.rule === undefined ? '' : ` where ${extras.rule.text}`;
    const entries = Object.entries(fields as Readonly<Record<string, Type<unknown>>>);
    const own: Field[] = entries.map(([name, type]) => ({ name, type }));
    this.fields = own.concat(Array.from({ length: reserved }, () => reservedField));
    this.definition = this.fields.map(({ name, type }) => `${name}: ${type.definition}`).join(', ') + rule;
    this.#names = entries.map(([name]) => name);
    this.#types = entries.map(([, type]) => type);
    this.#fixed = fixed;
    this.#reserved = reserved;
    this.#check = extras.rule?.check ?? null;
    this.#template = { ...constants };
    for (const name of this.#names) this.#template[name] = null;
  }

  write(value: T, out: Writer): void {
    checkObject(value);
    const from = value as Record<string, unknown>;
    const names = this.#names;
    out.array(this.#fixed.length + names.length + this.#reserved);
    for (const fixed of this.#fixed) out.integer(fixed);
    let i = 0;
    try {
      for (; i < names.length; i++) this.#types[i]!.write(from[names[i]!], out);
    } catch (error) {
      throw within(error, names[i]!);
    }
    for (let free = 0; free < this.#reserved; free++) out.null();
    this.#check?.(value);
  }

  /** The fields of an array of `length`, whose fixed positions have been read. */
  read(from: Reader, length: number): T {
    const wanted = this.#fixed.length + this.#names.length + this.#reserved;
    if (length !== wanted) throw new SchemaViolation(`${length} elements where ${wanted} belong`);
    const value = { ...this.#template };
    let i = 0;
    try {
      for (; i < this.#names.length; i++) value[this.#names[i]!] = this.#types[i]!.read(from);
    } catch (error) {
      throw within(error, this.#names[i]!);
    }
    for (let free = 0; free < this.#reserved; free++) from.null('in a reserved position, which must be null');
    this.#check?.(value as T);
    return value as T;
  }
}

function checkObject(value: unknown): void {
  if (typeof value !== 'object' || value === null)
    throw new SchemaViolation(`${kindOf(value)} where an object belongs`);
}
