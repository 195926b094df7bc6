import { assert, fail } from './assertion.ts';
import { LogSize } from './log-size.ts';
import { TermIndex } from './term-index.ts';
import type { BootState, Entry, Index, LogPosition, Term } from './types.ts';

/** What an entry is counted as beside its data, on disk, on the wire and in memory. */
const entryOverheadBytes = 32;

/** With fewer released slots than this at the front of the window it is not worth copying, however small the rest is. */
const minReleasedSlots = 4_096;

/**
 * The log of one member. All terms are in memory, and the newest entries:
 *
 *     base      windowStart          applied   handedOut   committed          last
 *      |------------|-------------------|----------|-----------|---------------|
 *       on disk only        in memory: #entries
 *
 * The window always reaches back to `applied`: what must still be applied is never read from the disk. Below that it is kept, within
 * a bound of bytes, for followers that are a little behind.
 */
export class RaftLog {
  readonly #terms: TermIndex;
  readonly #size = new LogSize();
  #entries: (Entry | null)[];
  /** Slots at the front of `#entries` that were released, and hold nothing. */
  #released = 0;
  #windowStart: Index;
  #windowBytes = 0;
  #unappliedBytes = 0;
  #backlogBytes = 0;
  #committed: Index;
  #handedOut: Index;
  #applied: Index;

  constructor(boot: BootState) {
    this.#terms = new TermIndex(boot.base, boot.terms, boot.tail);
    this.#entries = [...boot.entries];
    this.#windowStart = (boot.tail - boot.entries.length + 1) as Index;
    this.#applied = boot.applied;
    this.#handedOut = boot.applied;
    // The stored commit index is a hint written along with later jobs. It cannot be beyond the log, and applied proves more.
    this.#committed = Math.max(Math.min(boot.hardState.commit, boot.tail), boot.applied) as Index;
    assert(
      boot.applied >= boot.base.index && boot.applied <= boot.tail,
      `applied ${boot.applied} lies outside of the log`,
    );
    assert(
      this.#windowStart <= boot.applied + 1,
      `entries ${boot.applied + 1}..${this.#windowStart - 1} were not given back`,
    );
    let index = this.#windowStart;
    for (const entry of boot.entries) {
      assert(entry.index === index, `entry ${index} is missing: found ${entry.index}`);
      assert(entry.term === this.#terms.termAt(index), `entry ${index} is not of the term that the log names`);
      this.#windowBytes += sizeOf(entry);
      this.#size.appended(index, sizeOf(entry));
      if (index > this.#applied) this.#unappliedBytes += sizeOf(entry);
      if (index > this.#applied && index <= this.#committed) this.#backlogBytes += sizeOf(entry);
      index = (index + 1) as Index;
    }
  }

  /** The log begins behind this position: everything up to it is in the state machine's checkpoint, and may have left the disk. */
  get base(): LogPosition {
    return this.#terms.base;
  }

  get lastIndex(): Index {
    return this.#terms.last;
  }

  get lastTerm(): Term {
    return this.termAt(this.lastIndex) as Term;
  }

  get committed(): Index {
    return this.#committed;
  }

  /** Up to here the driver has been given the committed entries. */
  get handedOut(): Index {
    return this.#handedOut;
  }

  /** Up to here the driver has reported them applied. */
  get applied(): Index {
    return this.#applied;
  }

  /** What cannot leave memory: entries that are not committed, not durable or not applied here. */
  get unappliedBytes(): number {
    return this.#unappliedBytes;
  }

  get unappliedEntries(): number {
    return this.lastIndex - this.#applied;
  }

  /** What is committed and not applied: of that it is certain that it will be, whatever else arrives. */
  get backlogBytes(): number {
    return this.#backlogBytes;
  }

  get backlogEntries(): number {
    return this.#committed - this.#applied;
  }

  get windowStart(): Index {
    return this.#windowStart;
  }

  get terms(): TermIndex {
    return this.#terms;
  }

  /** Null when the entry is not in this log. */
  termAt(index: Index): Term | null {
    return this.#terms.termAt(index);
  }

  matches(position: LogPosition): boolean {
    return this.#terms.termAt(position.index) === position.term;
  }

  /** Whether `other` is at least as up to date as this log: the last term decides, then the length (Raft §5.4.1). */
  isUpToDate(other: LogPosition): boolean {
    return other.term > this.lastTerm || (other.term === this.lastTerm && other.index >= this.lastIndex);
  }

  append(entry: Entry): void {
    if (entry.index !== this.lastIndex + 1) fail(`entry ${entry.index} does not follow ${this.lastIndex}`);
    this.#terms.append(entry.term);
    this.#entries.push(entry);
    const bytes = sizeOf(entry);
    this.#windowBytes += bytes;
    this.#unappliedBytes += bytes;
    this.#size.appended(entry.index, bytes);
  }

  /** The first of `entries` that this log has not, or has with another term; null when it has them all. */
  firstNew(entries: readonly Entry[]): Entry | null {
    for (const entry of entries) {
      // What is committed is equal in all logs, and the beginning of it may have left this one.
      const term = this.#terms.termAt(entry.index);
      if (term === entry.term) continue;
      if (entry.index > this.#committed) return entry;
      assert(term === null, `a leader has another entry at ${entry.index}, which is committed here`);
    }
    return null;
  }

  /** Removes `index` and everything behind it. Never a committed entry: those are for ever (Raft, state machine safety). */
  truncateFrom(index: Index): void {
    assert(index > this.#committed, `entry ${index} conflicts with a leader, but ${this.#committed} is committed`);
    while (this.lastIndex >= index) {
      const entry = this.#entries.pop();
      assert(entry?.index === this.lastIndex, `entry ${this.lastIndex} is not in memory`);
      this.#windowBytes -= sizeOf(entry);
      this.#unappliedBytes -= sizeOf(entry);
      this.#size.removed(entry.index, sizeOf(entry));
      this.#terms.truncateFrom(entry.index);
    }
  }

  commitTo(index: Index): void {
    if (index > this.lastIndex)
      fail(`commit index ${index} is beyond the log's end ${this.lastIndex}: it lost entries`);
    for (let at = this.#committed + 1; at <= index; at++) this.#backlogBytes += sizeOf(this.#inWindow(at as Index));
    if (index > this.#committed) this.#committed = index;
  }

  /** The committed entries up to `limit` that were not handed out before. */
  takeCommitted(limit: Index): Entry[] {
    const end = Math.min(this.#committed, limit);
    const taken: Entry[] = [];
    for (let at = this.#handedOut + 1; at <= end; at++) taken.push(this.#inWindow(at as Index));
    if (end > this.#handedOut) this.#handedOut = end as Index;
    return taken;
  }

  appliedTo(index: Index): void {
    // Of the state that a snapshot has replaced meanwhile.
    if (index <= this.base.index) return;
    if (index < this.#applied || index > this.#handedOut)
      fail(`applied ${index} was not handed out: ${this.#handedOut}`);
    for (let at = this.#applied + 1; at <= index; at++) {
      const bytes = sizeOf(this.#inWindow(at as Index));
      this.#unappliedBytes -= bytes;
      this.#backlogBytes -= bytes;
    }
    this.#applied = index;
  }

  /** Entries from `from` on, up to `maxBytes` but at least one; null when they are not in memory. `from` is at most `lastIndex + 1`. */
  slice(from: Index, maxBytes: number): Entry[] | null {
    if (from < this.#windowStart) return null;
    const entries: Entry[] = [];
    let bytes = 0;
    for (let at = from; at <= this.lastIndex; at = (at + 1) as Index) {
      const entry = this.#inWindow(at);
      bytes += sizeOf(entry);
      if (bytes > maxBytes && entries.length > 0) break;
      entries.push(entry);
    }
    return entries;
  }

  /** The log begins behind `index` now, which is applied and durable. */
  compactTo(index: Index): void {
    assert(index > this.base.index && index <= this.#applied, `the log cannot begin behind ${index}`);
    while (this.#windowStart <= index) this.#releaseOldest();
    this.#terms.compactTo(index);
    this.#size.compactedTo(index);
    this.#copyIfMostlyReleased();
  }

  /**
   * An empty log behind `position`, whose state comes as a snapshot. Counts as applied from now on: the driver has the snapshot
   * restored before it applies anything that comes after it.
   */
  replaceBy(position: LogPosition): void {
    assert(position.index > this.#committed, `a snapshot at ${position.index}, but ${this.#committed} is committed`);
    this.#terms.replaceBy(position);
    this.#size.clear();
    this.#entries = [];
    this.#released = 0;
    this.#windowStart = (position.index + 1) as Index;
    this.#windowBytes = 0;
    this.#unappliedBytes = 0;
    this.#backlogBytes = 0;
    this.#committed = position.index;
    this.#handedOut = position.index;
    this.#applied = position.index;
  }

  /** Before the longest tail of at most `maxEntries` and `maxBytes`. */
  indexBeforeTail(maxEntries: number, maxBytes: number): Index {
    return Math.min(
      this.lastIndex,
      Math.max(this.lastIndex - maxEntries, this.#size.firstWithin(maxBytes) - 1),
    ) as Index;
  }

  /** Forgets the oldest entries until the window is within `maxBytes`. `keepFrom`: what is not durable must stay as well. */
  shrinkWindow(maxBytes: number, keepFrom: Index): void {
    while (this.#windowBytes > maxBytes && this.#windowStart <= this.#applied && this.#windowStart < keepFrom) {
      this.#releaseOldest();
    }
    this.#copyIfMostlyReleased();
  }

  #releaseOldest(): void {
    this.#windowBytes -= sizeOf(this.#inWindow(this.#windowStart));
    this.#entries[this.#released] = null;
    this.#released++;
    this.#windowStart = (this.#windowStart + 1) as Index;
  }

  /** At most one is copied for each one released: amortised O(1) an entry, however many the window holds. */
  #copyIfMostlyReleased(): void {
    if (this.#released <= Math.max(minReleasedSlots, this.#entries.length / 2)) return;
    this.#entries = this.#entries.slice(this.#released);
    this.#released = 0;
  }

  #inWindow(index: Index): Entry {
    const entry = this.#entries[index - this.#windowStart + this.#released];
    return entry ?? fail(`entry ${index} is not in memory`);
  }
}

export function sizeOf(entry: Entry): number {
  return entryOverheadBytes + entry.data.byteLength;
}
