import { bounds } from './bounds.ts';
import type { Verified } from './report.ts';

/** What a key shows when the run is over. */
export interface Shown {
  readonly value: Uint8Array;
  /** Writes since it came into being. */
  readonly version: number;
}

/**
 * What was written, so that it can be looked for afterwards. A key belongs to one worker, which has one write under way: so the last
 * acknowledged write of a key is known exactly, and what it may show instead is only a write of unknown outcome. And as nobody else writes
 * the keys of a run, a key's version counts the writes that took effect: one acknowledged and then overwritten is missed as well.
 *
 * Memory: 24 bytes a key, and 8 and some for each write of unknown outcome, up to `maxRememberedUnknown`.
 */
export class Ledger {
  readonly #mark: Uint8Array = crypto.getRandomValues(new Uint8Array(8));
  readonly #lastAcknowledged: Float64Array;
  readonly #acknowledged: Uint32Array;
  readonly #unknown: Uint32Array;
  readonly #written: Uint32Array;
  /** By key: numbers of its writes of which nobody knows. */
  readonly #doubtful = new Map<number, number[]>();
  readonly #unchecked = new Set<number>();
  #remembered = 0;
  #next = 1;
  #total = 0;

  constructor(keys: number) {
    this.#lastAcknowledged = new Float64Array(keys);
    this.#acknowledged = new Uint32Array(keys);
    this.#unknown = new Uint32Array(keys);
    this.#written = new Uint32Array(keys);
  }

  /** Acknowledged writes. */
  get acknowledgedCount(): number {
    return this.#total;
  }

  /** Begins a write of a key: makes `value` one that no other write has, where there is room, and returns its number. */
  begin(key: number, value: Uint8Array): number {
    const sequence = this.#next++;
    this.#written[key] = (this.#written[key] as number) + 1;
    if (value.length >= bounds.minVerifiableBytes) stamp(value, this.#mark, sequence);
    return sequence;
  }

  acknowledged(key: number, sequence: number): void {
    this.#total++;
    this.#acknowledged[key] = (this.#acknowledged[key] as number) + 1;
    this.#lastAcknowledged[key] = sequence;
  }

  /** It may have happened, and it may still happen, whatever was acknowledged meanwhile. */
  doubted(key: number, sequence: number): void {
    this.#unknown[key] = (this.#unknown[key] as number) + 1;
    if (this.#remembered >= bounds.maxRememberedUnknown) {
      this.#unchecked.add(key);
      return;
    }
    this.#remembered++;
    const others = this.#doubtful.get(key);
    if (others === undefined) this.#doubtful.set(key, [sequence]);
    else others.push(sequence);
  }

  /** Compares with what the keys show. A key that is not in `shown` does not exist. */
  compare(shown: ReadonlyMap<number, Shown>): Verified {
    let missing = 0;
    let repeated = 0;
    for (let key = 0; key < this.#written.length; key++) {
      if (this.#written[key] === 0 || this.#unchecked.has(key)) continue;
      const acknowledged = this.#acknowledged[key] as number;
      const entry = shown.get(key);
      const version = entry?.version ?? 0;
      const lost = Math.max(0, acknowledged - version);
      // Right in number, and yet not the last one: it was overwritten by an older one, or is not ours.
      missing += lost === 0 && acknowledged > 0 && !this.#mayShow(key, entry) ? 1 : lost;
      repeated += Math.max(0, version - acknowledged - (this.#unknown[key] as number));
    }
    return { acknowledged: this.#total, missing, repeated, unchecked: this.#unchecked.size };
  }

  #mayShow(key: number, entry: Shown | undefined): boolean {
    const sequence = entry === undefined ? null : stampOf(entry.value, this.#mark);
    if (sequence === null) return false;
    return sequence === this.#lastAcknowledged[key] || (this.#doubtful.get(key)?.includes(sequence) ?? false);
  }
}

function stamp(value: Uint8Array, mark: Uint8Array, sequence: number): void {
  value.set(mark);
  const view = new DataView(value.buffer, value.byteOffset);
  view.setFloat64(mark.length, sequence);
}

/** Null: no write of this run. */
function stampOf(value: Uint8Array, mark: Uint8Array): number | null {
  if (value.length < bounds.minVerifiableBytes) return null;
  if (!mark.every((byte, at) => value[at] === byte)) return null;
  return new DataView(value.buffer, value.byteOffset).getFloat64(mark.length);
}
