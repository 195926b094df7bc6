import {
  type Configuration,
  type Entry,
  EntryKind,
  type Index,
  type Input,
  type LoadRequest,
  type LogPosition,
  type MemberId,
  type Message,
  type Output,
  type PersistJob,
  type Prng,
  RaftAssertionError,
  RaftNode,
  type RaftOptions,
  type SnapshotMeta,
  type SnapshotSend,
  type Term,
} from '@conclave/core';
import { applyJob, type DiskImage, termRunsOf } from '../disk.ts';
import { freshAcknowledged, logStart } from '../host.ts';
import { describeEntries, describeFailure, describeJob, describeLeadership, describePosition } from './describe.ts';

/** What a line of output is about; `brief` leaves out messages and writes. */
export type LineKind = 'message' | 'write' | 'event' | 'stop';

export interface Surroundings {
  readonly now: number;
  readonly print: (kind: LineKind, text: string) => void;
  readonly send: (message: Message) => void;
  /** Of a proposal, a read, a change or a transfer. */
  readonly nameOf: (id: number) => string;
}

export interface Founding {
  readonly configuration: Configuration;
  readonly term: number;
  readonly vote: number | null;
  readonly commit: number;
  /** Terms of the entries, from index 1 on. */
  readonly log: readonly number[];
}

/** One process, its disk, and what waits to be done for it. Nothing is written or sent unless the scenario says so. */
export class ScenarioMember {
  readonly id: MemberId;
  image: DiskImage;
  writes: PersistJob[] = [];
  loads: LoadRequest[] = [];
  streams: SnapshotSend[] = [];
  isDiskStalled = false;
  isPaused = false;
  /** What the disk held before each of the writes that it has taken. */
  readonly #earlier: DiskImage[] = [];
  readonly #options: RaftOptions;
  readonly #its: Surroundings;
  #node: RaftNode | null = null;
  #applied: LogPosition = logStart;
  #lives = 0;

  constructor(options: RaftOptions, founding: Founding, its: Surroundings) {
    this.id = options.id;
    this.#options = options;
    this.#its = its;
    const { commit, configuration, log, term, vote } = founding;
    this.image = {
      hardState: { term: term as Term, vote: vote as MemberId | null, commit: commit as Index },
      acknowledged: freshAcknowledged,
      base: logStart,
      entries: log.map((of, at) => entry(at + 1, of)),
      checkpoint: { position: logStart, configuration },
    };
  }

  get node(): RaftNode | null {
    return this.#node;
  }

  get applied(): LogPosition {
    return this.#applied;
  }

  /** It began to run: in one more life, from what the disk holds. */
  start(): void {
    const { acknowledged, base, checkpoint, entries, hardState } = this.image;
    this.#lives++;
    this.#applied = checkpoint.position;
    const tail = (base.index + entries.length) as Index;
    const boot = { hardState, acknowledged, base, tail, terms: termRunsOf(entries), entries: [...entries] };
    const { configuration, position } = checkpoint;
    this.#guarded('refuses to start', () => {
      const prng = drawsOf(this.id, this.#lives);
      this.#node = new RaftNode(
        this.#options,
        { ...boot, applied: position.index, configuration },
        prng,
        this.#its.now,
      );
    });
  }

  /** `kept` writes that were under way reach the disk all the same, the oldest first. */
  crash(kept: number): void {
    for (const job of this.writes.slice(0, kept)) this.#write(job);
    this.stop();
  }

  stop(): void {
    this.#node = null;
    this.writes = [];
    this.loads = [];
    this.streams = [];
  }

  /** The disk is as it was `writes` writes ago, although it reported them durable. */
  rewind(writes: number): void {
    const image = this.#earlier.at(-writes);
    if (image === undefined) throw new Error(`member ${this.id} has not made ${writes} writes`);
    this.image = image;
    this.#earlier.length -= writes;
  }

  /** Steps one input and does what can be done at once: to apply, and to pass messages on. */
  step(input: Input): void {
    this.#guarded('stops', () => {
      const node = this.#node;
      if (node === null) return;
      node.step(input, this.#its.now);
      this.#take(node.takeOutput());
    });
  }

  #guarded(what: string, act: () => void): void {
    try {
      act();
    } catch (error) {
      if (!(error instanceof RaftAssertionError)) throw error;
      this.stop();
      this.#its.print('stop', `${this.id}: ${what}: ${error.message}`);
    }
  }

  #take(output: Output): void {
    const event = (text: string): void => this.#its.print('event', `${this.id}: ${text}`);
    const { nameOf } = this.#its;
    if (output.leadership !== null) event(describeLeadership(output.leadership));
    for (const { id, index, term } of output.accepted)
      event(`accepted ${nameOf(id)} at ${describePosition({ index, term })}`);
    for (const failure of output.failed) event(describeFailure(failure, nameOf(failure.id)));
    for (const id of output.handedOver) event(`transfer ${nameOf(id)} handed over`);
    for (const message of output.messages) this.#its.send(message);
    if (output.persist !== null) {
      this.writes.push(output.persist);
      this.#its.print('write', `${this.id}: ${describeJob(output.persist)}`);
    }
    for (const id of output.discarded) event(`discards snapshot ${id}`);
    if (output.snapshotToRestore !== null) this.#restore(output.snapshotToRestore);
    this.#collect(output);
    for (const { id, index } of output.reads) event(`read ${nameOf(id)} at ${index}`);
    this.#apply(output.committed);
    if (output.snapshotToRestore !== null) this.step({ type: 'restored', id: output.snapshotToRestore.id });
  }

  #restore({ position }: SnapshotMeta): void {
    this.#applied = position;
    this.#its.print('event', `${this.id}: restores the state of ${describePosition(position)}`);
  }

  #collect({ loads, snapshotSends }: Output): void {
    for (const request of loads) this.#its.print('event', `${this.id}: loads from ${request.from}`);
    for (const { atLeast, member } of snapshotSends)
      this.#its.print('event', `${this.id}: is to send ${member} a snapshot of ${atLeast} or later`);
    this.loads.push(...loads);
    this.streams.push(...snapshotSends);
  }

  #apply(committed: readonly Entry[]): void {
    const last = committed.at(-1);
    if (last === undefined) return;
    this.#applied = last;
    this.#its.print('event', `${this.id}: applies ${describeEntries(committed)}`);
    this.step({ type: 'applied', index: last.index });
  }

  /** The oldest `count` writes are durable, and the member is told so once. */
  persist(count: number): void {
    const done = this.writes.splice(0, count);
    for (const job of done) this.#write(job);
    const last = done.at(-1);
    if (last === undefined) return;
    this.#its.print('write', `${this.id}: durable #${last.sequence}`);
    this.step({ type: 'persisted', sequence: last.sequence });
  }

  #write(job: PersistJob): void {
    this.#earlier.push({ ...this.image, entries: [...this.image.entries] });
    applyJob(this.image, job);
  }

  /** The state up to what is applied reaches its own store. */
  checkpoint(): void {
    const position = { index: this.#applied.index, term: this.#applied.term };
    const configuration = this.#node?.configurationAt(position.index) ?? null;
    if (configuration === null) return;
    this.image.checkpoint = { position, configuration };
    this.step({ type: 'checkpointed', index: position.index, spareBytes: 0 });
  }

  /** Answers the oldest load from the disk. */
  load(): void {
    const request = this.loads.shift();
    if (request === undefined) return;
    const { base, entries } = this.image;
    const loaded = request.from > base.index ? entries.slice(request.from - base.index - 1) : [];
    this.step({ type: 'entriesLoaded', token: request.token, entries: loaded });
  }
}

function entry(index: number, term: number): Entry {
  const data = new TextEncoder().encode(`e${index}`);
  return { index: index as Index, term: term as Term, kind: EntryKind.Command, data };
}

/**
 * No chance in a scenario. The first draw numbers the read requests of a life; the others decide election timeouts: member 1 always draws
 * the shortest, `electionMs` itself, and each further one a tenth of it more.
 */
function drawsOf(id: MemberId, life: number): Prng {
  let isFirst = true;
  return {
    next: (): number => {
      if (!isFirst) return ((id - 1) % 10) / 10;
      isFirst = false;
      return (100 * life) / 2 ** 52;
    },
  };
}
