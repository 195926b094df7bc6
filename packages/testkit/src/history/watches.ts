// A watch misses nothing, repeats nothing, reorders nothing, never splits a revision, resumes where it was, and says when history
// was compacted. Gaps can only be told against the truth dump.
import type { EventRecord, HistoryRecord, WatchEventRecord, WatchRecord, WatchStreamRecord } from './record.ts';
import { dumps, essence } from './truth.ts';
import { showRecord, type Verdict, type Violation } from './verdict.ts';

export interface WatchOptions {
  /** Where the truth dump begins; larger than 1 when history was compacted before it was taken. */
  readonly truthFrom?: number;
}

export function checkWatches(records: readonly HistoryRecord[], options: WatchOptions = {}): Verdict {
  const truth = dumps(records)[0]?.events;
  const streams = new Map<string, WatchStreamRecord[]>();
  for (const record of records) {
    if (!('watch' in record)) continue;
    const stream = streams.get(record.watch);
    if (stream === undefined) streams.set(record.watch, [record]);
    else stream.push(record);
  }
  const violations: Violation[] = [];
  let judged = 0;
  for (const [name, stream] of streams) {
    judged += stream.length;
    const [start] = stream;
    if (start?.op !== 'watch') {
      violations.push({ rule: 'watch-unknown', message: `${name}: its first record is not "watch"` });
      continue;
    }
    const judge = new StreamJudge(start, truth, options.truthFrom ?? 1);
    for (const record of stream.slice(1)) judge.take(record);
    violations.push(...judge.violations.map(({ rule, message }) => ({ rule, message: `${name}: ${message}` })));
  }
  const undecided =
    truth === undefined && streams.size > 0 ? ['there is no truth dump, so gaps were not looked for'] : [];
  return { checker: 'watches', judged, violations, undecided };
}

/** After so many, a stream is wrong enough. */
const maxViolations = 5;

class StreamJudge {
  readonly violations: Violation[] = [];
  readonly #watch: WatchRecord;
  /** What the watch has to deliver, or undefined without a truth dump. */
  readonly #due: readonly EventRecord[] | undefined;
  /** Where each event stands in `#due`. */
  readonly #places = new Map<string, number>();
  /** How many of `#due` have been delivered, or were excused. */
  #delivered = 0;
  /** Everything up to this revision is settled: nothing of it may come any more. */
  #settledRev: number;
  /** The revision that is being delivered; its events must all lie in one batch. */
  #current: WatchEventRecord | undefined;
  readonly #keysOfCurrent = new Set<string>();
  #lastBatch: number | undefined;
  #compactRev: number | undefined;

  constructor(watch: WatchRecord, truth: readonly EventRecord[] | undefined, truthFrom: number) {
    this.#watch = watch;
    this.#due = truth?.filter((event) => event.rev >= watch.start_rev && selects(watch, event));
    for (const [place, event] of (this.#due ?? []).entries()) this.#places.set(essence(event), place);
    this.#settledRev = Math.max(watch.start_rev, truth === undefined ? 0 : Math.min(truthFrom, watch.start_rev)) - 1;
  }

  take(record: WatchStreamRecord): void {
    if (this.violations.length >= maxViolations) return;
    switch (record.op) {
      case 'watch':
        this.#wrong('watch-unknown', 'begins twice', record);
        break;
      case 'wevent':
        this.#event(record);
        break;
      case 'wprogress':
        this.#settle(
          record.rev,
          'progress-early',
          `progress said ${record.rev}, but this had not been delivered`,
          record,
        );
        break;
      case 'wend':
        this.#settle(
          record.caught_up_rev,
          'watch-gap',
          `it ended at ${record.caught_up_rev} without delivering this`,
          record,
        );
        break;
      case 'wcompacted':
        this.#compacted(record.compact_rev, record);
        break;
      case 'wresume':
        this.#resume(record.start_rev, record);
        break;
    }
  }

  #event(event: WatchEventRecord): void {
    if (!selects(this.#watch, event)) this.#wrong('watch-filter', 'an event that it did not ask for', event);
    if (event.rev < this.#watch.start_rev) this.#wrong('watch-filter', 'an event from before its start', event);
    const current = this.#current;
    if (event.rev === current?.rev) {
      if (this.#keysOfCurrent.has(event.key))
        return this.#wrong('watch-duplicate', 'an event came twice', current, event);
      if (event.batch !== current.batch) this.#wrong('watch-split', 'one revision in two batches', current, event);
    } else {
      if (current !== undefined && event.rev < current.rev) {
        return this.#wasDelivered(event)
          ? this.#wrong('watch-duplicate', 'an event came again', current, event)
          : this.#wrong('watch-order', 'it went back in time', current, event);
      }
      if (event.rev <= this.#settledRev) {
        return this.#wrong(
          'watch-order',
          `an event came after everything up to ${this.#settledRev} had been said to be there`,
          event,
        );
      }
      if (event.batch !== undefined && this.#lastBatch !== undefined && event.batch < this.#lastBatch) {
        this.#wrong('watch-order', 'a batch came after a later one', event);
      }
      this.#keysOfCurrent.clear();
    }
    this.#current = event;
    this.#lastBatch = event.batch;
    this.#keysOfCurrent.add(event.key);
    this.#match(event);
    if (event.rev > (this.#compactRev ?? event.rev)) this.#compactRev = undefined;
  }

  #wasDelivered(event: WatchEventRecord): boolean {
    return (this.#places.get(essence(event)) ?? this.#delivered) < this.#delivered;
  }

  /** The next event of the truth, or what was left out before it. */
  #match(event: WatchEventRecord): void {
    if (this.#due === undefined) return;
    const place = this.#places.get(essence(event));
    if (place === undefined || place < this.#delivered) {
      return this.#wrong('watch-invented', 'an event that the final history does not have here', event);
    }
    const missing = this.#due.slice(this.#delivered, place).find(({ rev }) => rev > (this.#compactRev ?? -1));
    this.#delivered = place + 1;
    if (missing === undefined) return;
    const torn = missing.rev === event.rev;
    this.#wrong(
      torn ? 'watch-split' : 'watch-gap',
      torn ? 'a revision without this' : 'it left this out',
      missing,
      event,
    );
  }

  /** Everything up to `rev` must be there. */
  #settle(rev: number, rule: string, what: string, record: WatchStreamRecord): void {
    const next = this.#due?.[this.#delivered];
    if (next !== undefined && next.rev <= rev && next.rev > (this.#compactRev ?? -1))
      this.#wrong(rule, what, next, record);
    this.#skipTo(rev);
    this.#settledRev = Math.max(this.#settledRev, rev);
  }

  /** Honest when the watch still needed a revision that is gone; what is gone need not come. */
  #compacted(compactRev: number, record: WatchStreamRecord): void {
    const needed = Math.max(this.#settledRev, this.#current?.rev ?? 0) + 1;
    if (compactRev < needed) {
      const what = `compaction up to ${compactRev} was named as the reason, but it needed only ${needed} and later`;
      this.#wrong('compaction-untrue', what, record);
      return;
    }
    const next = this.#due?.[this.#delivered];
    if (next !== undefined && next.rev === this.#current?.rev) {
      this.#wrong('watch-split', 'it was compacted in the middle of a revision', next, record);
    }
    this.#compactRev = compactRev;
  }

  /** After a compaction the client chooses where to go on; otherwise it goes on where it was. */
  #resume(startRev: number, record: WatchStreamRecord): void {
    const reached = Math.max(this.#settledRev, this.#current?.rev ?? 0);
    if (this.#compactRev !== undefined && startRev > reached + 1) {
      this.#skipTo(startRev - 1);
    } else {
      const next = this.#due?.[this.#delivered];
      if (next !== undefined && next.rev < startRev) {
        this.#wrong('watch-gap', `it resumed at ${startRev} without having delivered this`, next, record);
        this.#skipTo(startRev - 1);
      }
    }
    this.#settledRev = Math.max(this.#settledRev, startRev - 1);
    // One compaction excuses one gap.
    this.#compactRev = undefined;
    // Another stream, perhaps of another member: its batches are counted anew.
    this.#lastBatch = undefined;
  }

  #skipTo(rev: number): void {
    if (this.#due === undefined) return;
    while ((this.#due[this.#delivered]?.rev ?? Number.POSITIVE_INFINITY) <= rev) this.#delivered++;
  }

  #wrong(rule: string, what: string, ...shown: readonly HistoryRecord[]): void {
    this.violations.push({ rule, message: [what, ...shown.map((record) => `  ${showRecord(record)}`)].join('\n') });
  }
}

function selects(watch: WatchRecord, { key, type }: Pick<EventRecord, 'key' | 'type'>): boolean {
  if (watch.types !== undefined && !watch.types.includes(type)) return false;
  if (watch.key !== undefined) return key === watch.key;
  if (watch.prefix !== undefined) return key.startsWith(watch.prefix);
  return (watch.from === undefined || key >= watch.from) && (watch.to === undefined || key < watch.to);
}
