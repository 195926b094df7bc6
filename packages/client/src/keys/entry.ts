import type { KeyValue, Revision } from '@conclave/protocol';
import { ConclaveError } from '../error.ts';
import { toText } from '../text.ts';
import type { KeySpace } from './key-space.ts';

/** A key as it stood at some revision, without its value. */
export interface KeyEntry {
  /** The key as text. What is no UTF-8 shows replacement characters: use `keyBytes`. */
  readonly key: string;
  readonly keyBytes: Uint8Array;
  /** At which the key came into being. */
  readonly createRevision: Revision;
  /** Of the last write: what `ifRevision` compares. */
  readonly modRevision: Revision;
  /** Number of writes since it came into being. */
  readonly version: number;
  /** The session or lease that it ends with; null: it stays. */
  readonly lease: number | null;
}

export interface Entry extends KeyEntry {
  readonly value: Uint8Array;
  text(): string;
  /** Throws INVALID_ARGUMENT when the value is no JSON. What it looks like is checked by `config`, with a schema. */
  json(): unknown;
}

class EntryView implements Entry {
  readonly keyBytes: Uint8Array;
  readonly createRevision: Revision;
  readonly modRevision: Revision;
  readonly version: number;
  readonly lease: number | null;
  readonly value: Uint8Array;

  constructor({ createRevision, key, lease, modRevision, value, version }: KeyValue, space: KeySpace) {
    this.keyBytes = space.own(key);
    this.createRevision = createRevision;
    this.modRevision = modRevision;
    this.version = version;
    this.lease = lease;
    // Without a value it is only ever given out as a KeyEntry.
    this.value = value === null ? new Uint8Array(0) : value.slice();
  }

  get key(): string {
    return toText(this.keyBytes);
  }

  text(): string {
    return toText(this.value);
  }

  json(): unknown {
    try {
      return JSON.parse(this.text());
    } catch (error) {
      throw new ConclaveError('INVALID_ARGUMENT', `the value of ${this.key} is no JSON`, { cause: error });
    }
  }
}

export function entryOf(keyValue: KeyValue, space: KeySpace): Entry {
  return new EntryView(keyValue, space);
}

export function entryOrNull(keyValue: KeyValue | null | undefined, space: KeySpace): Entry | null {
  return keyValue === null || keyValue === undefined ? null : entryOf(keyValue, space);
}
