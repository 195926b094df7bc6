import type { KeyRange } from '@conclave/protocol';
import { ConclaveError } from '../error.ts';
import { toBytes, toText } from '../text.ts';

/** Text stands for its UTF-8 bytes. */
export type Key = string | Uint8Array;

/** Which keys: one; all with a prefix; or all from `from` on and before `to` (without `to`: to the last). */
export type Selector =
  | Key
  | { readonly key: Key }
  | { readonly prefix: Key }
  | { readonly from: Key; readonly to?: Key };

/** The keys that one client or namespace sees: all, or those behind a prefix, which it neither writes nor reads itself. */
export class KeySpace {
  readonly #prefix: Uint8Array;

  constructor(prefix: Uint8Array = new Uint8Array(0)) {
    this.#prefix = prefix;
  }

  within(prefix: Key): KeySpace {
    return new KeySpace(this.key(prefix));
  }

  key(key: Key): Uint8Array {
    const bytes = toBytes(key);
    if (this.#prefix.length === 0) return bytes;
    const joined = new Uint8Array(this.#prefix.length + bytes.length);
    joined.set(this.#prefix);
    joined.set(bytes, this.#prefix.length);
    return joined;
  }

  /** As its user calls it. Copied: what was decoded is a view of the whole frame. */
  own(key: Uint8Array): Uint8Array {
    return key.slice(this.#prefix.length);
  }

  range(selector: Selector): KeyRange {
    if (typeof selector === 'string' || selector instanceof Uint8Array) return { key: this.key(selector), end: null };
    if ('key' in selector) return { key: this.key(selector.key), end: null };
    if ('prefix' in selector) {
      const key = this.key(selector.prefix);
      return { key, end: behindPrefix(key) };
    }
    if ('from' in selector) {
      const key = this.key(selector.from);
      return { key, end: selector.to === undefined ? behindPrefix(this.#prefix) : this.#end(selector.to) };
    }
    throw new ConclaveError('INVALID_ARGUMENT', 'selector: it names a key, a prefix, or from and to');
  }

  #end(to: Key): Uint8Array {
    const end = this.key(to);
    // An empty end would mean: to the last key.
    if (end.length === 0) throw new ConclaveError('INVALID_ARGUMENT', 'to: an empty key has nothing before it');
    return end;
  }
}

/** The first key behind all that begin with `prefix`; empty: there is none, the range goes to the last key. */
function behindPrefix(prefix: Uint8Array): Uint8Array {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xff) length--;
  const end = prefix.slice(0, length);
  if (length > 0) end[length - 1] = (end[length - 1] as number) + 1;
  return end;
}

/** For messages. */
export function shown(key: Key): string {
  return typeof key === 'string' ? key : toText(key);
}
