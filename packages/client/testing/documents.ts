import type { ConfigCache } from '../src/config/cache.ts';
import type { StandardSchema } from '../src/config/standard-schema.ts';

export interface Limits {
  readonly perSecond: number;
}

/** A document with one number under `field`. */
export function numberSchema<Field extends string>(field: Field): StandardSchema<{ readonly [F in Field]: number }> {
  return {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value) => {
        const found = typeof value === 'object' && value !== null ? Reflect.get(value, field) : undefined;
        if (typeof found !== 'number') return { issues: [{ message: 'a number is expected', path: [field] }] };
        return { value: { [field]: found } as unknown as { readonly [F in Field]: number } };
      },
    },
  };
}

export const limitsSchema: StandardSchema<Limits> = numberSchema('perSecond');

/** Answers some turns of the event loop later, as one that asks somebody. */
export const slowLimitsSchema: StandardSchema<Limits> = {
  '~standard': {
    ...limitsSchema['~standard'],
    validate: async (value) => {
      for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
      return limitsSchema['~standard'].validate(value);
    },
  },
};

/** A cache in memory; `broken`: what it throws from now on. */
export class MemoryCache implements ConfigCache {
  text: string | null = null;
  broken: Error | null = null;
  saves = 0;

  async load(): Promise<string | null> {
    if (this.broken !== null) throw this.broken;
    return Promise.resolve(this.text);
  }

  async save(text: string): Promise<void> {
    if (this.broken !== null) throw this.broken;
    await Promise.resolve();
    this.saves++;
    this.text = text;
  }
}
