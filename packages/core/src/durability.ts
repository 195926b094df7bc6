import { fail } from './assertion.ts';
import type { RaftLog } from './log.ts';
import type { PromiseMessage } from './message.ts';
import type { Index, Millis, PersistJob, PersistSequence, SnapshotMeta, Term } from './types.ts';

interface JobInFlight {
  readonly sequence: PersistSequence;
  /** The last entry that this job makes durable; lowered when a later truncation overwrites what it holds. */
  lastIndex: Index;
  readonly since: Millis;
  readonly snapshot: SnapshotMeta | null;
}

/** What rides along with every job. */
type Along = Pick<PersistJob, 'hardState' | 'acknowledged'>;

interface HeldPromise {
  readonly after: PersistSequence;
  readonly message: PromiseMessage;
}

/**
 * What is on this member's disk, what is on its way there, and what must not be said before it has arrived.
 *
 * Completions of jobs that hold overwritten entries are the trap here (etcd's "ABA race", openraft #1960): job 7 carries entries
 * 4..6 of an old leader; before it finishes, a new leader replaces 5 and 6 in job 8. When 7 is reported, only 4 is known
 * to be durable: a truncation lowers what every unfinished job can vouch for.
 */
export class Durability {
  readonly #inFlight: JobInFlight[] = [];
  #held: HeldPromise[] = [];
  #nextSequence: PersistSequence = 1;
  #durableIndex: Index;
  #stagedFrom: Index | null = null;
  #stagedSnapshot: SnapshotMeta | null = null;
  #hardStateStaged = false;

  constructor(durableIndex: Index) {
    this.#durableIndex = durableIndex;
  }

  /** The log up to here is on this member's disk. */
  get durableIndex(): Index {
    return this.#durableIndex;
  }

  /** Nothing waits to be written and nothing is being written. */
  get isSettled(): boolean {
    return this.#inFlight.length === 0 && !this.#isStaged;
  }

  /** When the oldest job that is not durable yet was given out; null when there is none. */
  get waitingSince(): Millis | null {
    return this.#inFlight[0]?.since ?? null;
  }

  /** A snapshot replaces the log and is not durable yet. */
  get isInstalling(): boolean {
    return this.#stagedSnapshot !== null || this.#inFlight.some((job) => job.snapshot !== null);
  }

  get held(): readonly HeldPromise[] {
    return this.#held;
  }

  get #isStaged(): boolean {
    return this.#hardStateStaged || this.#stagedFrom !== null || this.#stagedSnapshot !== null;
  }

  /** Term or vote changed. The commit index alone is no reason to write: it rides along. */
  stageHardState(): void {
    this.#hardStateStaged = true;
  }

  /** The log changed from `index` on: entries were appended, and what stood there before was replaced. */
  stageEntries(index: Index): void {
    this.#stagedFrom = Math.min(index, this.#stagedFrom ?? index) as Index;
    this.#vouchOnlyTo((index - 1) as Index);
  }

  /** The log is replaced by a snapshot. What is on disk is equal to it only as far as `common`. */
  stageSnapshot(snapshot: SnapshotMeta, common: Index): void {
    this.#stagedSnapshot = snapshot;
    this.#stagedFrom = null;
    this.#vouchOnlyTo(common);
  }

  #vouchOnlyTo(index: Index): void {
    if (this.#durableIndex > index) this.#durableIndex = index;
    // What jobs vouch for never falls from one to the next, so that an append, which lowers nothing, looks at one job.
    for (let at = this.#inFlight.length - 1; at >= 0; at--) {
      const job = this.#inFlight[at];
      if (job === undefined || job.lastIndex <= index) break;
      job.lastIndex = index;
    }
  }

  /** True when `message` may be sent at once; otherwise it comes out of `persisted` when everything it promises is durable. */
  admit(message: PromiseMessage): boolean {
    const after = this.#isStaged ? this.#nextSequence : this.#inFlight.at(-1)?.sequence;
    if (after === undefined) return true;
    // One of a kind is enough for a receiver and a job, however often it asks while the disk stalls. Those that wait for earlier jobs
    // stay: if each new one replaced them, under load none would ever leave.
    const same = this.#held.findIndex((held) => held.after === after && saysTheSame(held.message, message));
    if (same === -1) this.#held.push({ after, message });
    else if (!isWeaker(message, this.#held[same]?.message)) this.#held[same] = { after, message };
    return false;
  }

  /** A promise of an older term is of no use to anybody, and does not describe what the disk will hold. */
  dropPromisesBefore(term: Term): void {
    this.#held = this.#held.filter(({ message }) => message.term >= term);
  }

  /** A campaign that is over asks for nothing more: the log that it stood with may be another one by the time the request would leave. */
  dropVoteRequests(): void {
    this.#held = this.#held.filter(({ message }) => message.type !== 'vote');
  }

  takeJob(log: RaftLog, along: Along, now: Millis): PersistJob | null {
    if (!this.#isStaged) return null;
    const entries = this.#stagedFrom === null ? [] : log.slice(this.#stagedFrom, Number.POSITIVE_INFINITY);
    if (entries === null) fail(`entries from ${this.#stagedFrom} left memory before they were durable`);
    const sequence = this.#nextSequence++;
    const snapshot = this.#stagedSnapshot;
    this.#inFlight.push({ sequence, lastIndex: log.lastIndex, since: now, snapshot });
    this.#stagedFrom = null;
    this.#stagedSnapshot = null;
    this.#hardStateStaged = false;
    return { sequence, ...along, snapshot, base: log.base, entries, tail: log.lastIndex };
  }

  /** All jobs up to `sequence` are durable: the promises that may leave now, and the snapshot that has become this member's state. */
  persisted(sequence: PersistSequence): {
    readonly released: PromiseMessage[];
    readonly installed: SnapshotMeta | null;
  } {
    if (sequence >= this.#nextSequence) fail(`job ${sequence} was reported durable but never given out`);
    let installed: SnapshotMeta | null = null;
    while (this.#inFlight[0] !== undefined && this.#inFlight[0].sequence <= sequence) {
      const job = this.#inFlight.shift();
      if (job === undefined) break;
      if (job.lastIndex > this.#durableIndex) this.#durableIndex = job.lastIndex;
      installed = job.snapshot ?? installed;
    }
    const released = this.#held.filter(({ after }) => after <= sequence).map(({ message }) => message);
    this.#held = this.#held.filter(({ after }) => after > sequence);
    return { released, installed };
  }
}

function saysTheSame(one: PromiseMessage, other: PromiseMessage): boolean {
  return one.type === other.type && one.to === other.to;
}

/** The highest acknowledgement says everything that the others say; of anything else the newest counts. */
function isWeaker(message: PromiseMessage, held: PromiseMessage | undefined): boolean {
  return message.type === 'appendAccepted' && held?.type === 'appendAccepted' && message.match < held.match;
}
