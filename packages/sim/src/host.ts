import {
  type Acknowledged,
  type BootState,
  type ConfigurationChange,
  type Entry,
  type HardState,
  type Index,
  type Input,
  type LoadRequest,
  type LogPosition,
  type MemberId,
  type Message,
  type Millis,
  type Output,
  RaftNode,
  type RaftOptions,
  type SnapshotMeta,
  type SnapshotSend,
  type Term,
} from '@conclave/core';
import type { Clock } from './clock.ts';
import { type Disk, termRunsOf } from './disk.ts';
import type { Observer } from './observer.ts';
import type { Random } from './random.ts';
import type { Scheduler } from './scheduler.ts';

type WriteDone = (result: { readonly index: Index } | 'refused' | 'unknown') => void;
type ReadDone = (result: { readonly index: Index } | 'refused') => void;

export const freshHardState: HardState = { term: 0 as Term, vote: null, commit: 0 as Index };
export const freshAcknowledged: Acknowledged = { term: 0 as Term, index: 0 as Index };
export const logStart: LogPosition = { index: 0 as Index, term: 0 as Term };

/** Inputs that arrive within this time are stepped together, as the pump of a member does. */
const maxPumpDelayMs = 0.2;
const maxInputsPerPump = 32;
/** Of the pumps: somebody begins or ceases to wait at this member for what is committed. */
const audienceChangeRate = 0.02;
const maxLoadMs = 3;

export interface HostCounts {
  /** Snapshots from which the state was taken. */
  restored: number;
  /** Snapshots of no use. */
  discarded: number;
  /** Persist jobs that cut the log in front. */
  truncated: number;
}

export interface HostDependencies {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly clock: Clock;
  readonly disk: Disk;
  readonly checkpointEveryMs: number;
  readonly options: RaftOptions;
  readonly observers: readonly Observer[];
  readonly transmit: (message: Message) => void;
  readonly sendSnapshot: (send: SnapshotSend, term: Term) => void;
  /** It died: whoever has a connection to it may notice. */
  readonly linksClosed: () => void;
}

/** One process: a Raft node, driven as its README asks, over a simulated disk and network. It can crash, pause and start again. */
export class Host {
  readonly id: MemberId;
  readonly disk: Disk;
  readonly #its: HostDependencies;
  #node: RaftNode | null = null;
  /** Grows with each crash: whatever was scheduled before it is nobody's. */
  #life = 0;
  #inbox: Input[] = [];
  #pumpScheduled = false;
  #pausedUntil = 0;
  #hasPaused = false;
  #timerAt: Millis = Number.POSITIVE_INFINITY;
  #applied: LogPosition = logStart;
  /** Where the log began in the last persist job. */
  #base = 0;
  #nextId = 1;
  readonly #proposals = new Map<number, WriteDone>();
  readonly #accepted = new Map<Index, { readonly term: Term; readonly done: WriteDone }>();
  readonly #asked = new Map<number, ReadDone>();
  readonly #transfers = new Map<number, () => void>();
  readonly counts: HostCounts = { restored: 0, discarded: 0, truncated: 0 };
  #parked: { readonly index: Index; readonly done: ReadDone }[] = [];

  constructor(id: MemberId, dependencies: HostDependencies) {
    this.id = id;
    this.disk = dependencies.disk;
    this.#its = dependencies;
  }

  get node(): RaftNode | null {
    return this.#node;
  }

  get isUp(): boolean {
    return this.#node !== null;
  }

  get isPaused(): boolean {
    return this.#its.scheduler.now < this.#pausedUntil;
  }

  get appliedIndex(): Index {
    return this.#applied.index;
  }

  get leader(): MemberId | null {
    return this.#node?.state.leader ?? null;
  }

  get leads(): boolean {
    return this.#node?.state.role === 'leader';
  }

  becomeReliable(): void {
    this.disk.becomeReliable();
  }

  /** From the last checkpoint of the state machine, and from at least those entries that it does not contain. */
  start(): void {
    const { clock, disk, options, random } = this.#its;
    const { acknowledged, base, checkpoint, entries, hardState } = disk.image;
    const { configuration, position } = checkpoint;
    const boot: BootState = {
      hardState,
      acknowledged,
      base,
      configuration,
      terms: termRunsOf(entries),
      tail: (base.index + entries.length) as Index,
      entries: entries.slice(random.integer(0, position.index - base.index + 1)),
      applied: position.index,
    };
    this.#applied = position;
    this.#node = new RaftNode(options, boot, random.fork('node'), clock.now());
    for (const observer of this.#its.observers) observer.started?.(this);
    this.#wake();
    this.#checkpointLater();
  }

  crash(): void {
    for (const done of [...this.#proposals.values(), ...[...this.#accepted.values()].map((one) => one.done)])
      done('unknown');
    for (const done of [...this.#asked.values(), ...this.#parked.map((one) => one.done)]) done('refused');
    this.#proposals.clear();
    this.#accepted.clear();
    this.#asked.clear();
    this.#transfers.clear();
    this.#parked = [];
    this.#inbox = [];
    this.#life++;
    this.#node = null;
    this.#pumpScheduled = false;
    this.#pausedUntil = 0;
    this.#timerAt = Number.POSITIVE_INFINITY;
    this.disk.crash();
    for (const observer of this.#its.observers) observer.crashed?.(this);
    this.#its.linksClosed();
  }

  pause(durationMs: number): void {
    this.#pausedUntil = this.#its.scheduler.now + durationMs;
    this.#hasPaused = true;
    this.#wake();
  }

  resume(): void {
    this.#pausedUntil = 0;
    this.#pumpScheduled = false;
    this.#wake();
  }

  receive(message: Message): void {
    if (this.isUp) this.#push({ type: 'message', message });
  }

  unreachable(member: MemberId): void {
    if (this.isUp) this.#push({ type: 'unreachable', member });
  }

  linkClosed(member: MemberId): void {
    if (this.isUp) this.#push({ type: 'linkClosed', member });
  }

  /** Steps what a stream that this life began has come to. */
  reporter(): (input: Input) => void {
    const life = this.#life;
    return (input) => {
      if (life === this.#life && this.isUp) this.#push(input);
    };
  }

  receiveSnapshot(snapshot: SnapshotMeta, term: Term): void {
    if (this.isUp) this.#push({ type: 'snapshotReceived', snapshot, term });
  }

  change(change: ConfigurationChange, done: WriteDone): void {
    const id = this.#nextId++;
    this.#proposals.set(id, done);
    this.#push({ type: 'changeConfiguration', id, change, context: new Uint8Array(id % 3) });
  }

  transfer(to: MemberId | 'best', handedOver: () => void): void {
    const id = this.#nextId++;
    this.#transfers.set(id, handedOver);
    this.#push({ type: 'transferLeader', id, to });
  }

  write(data: Uint8Array, done: WriteDone): void {
    if (!this.isUp) return done('refused');
    const id = this.#nextId++;
    this.#proposals.set(id, done);
    this.#push({ type: 'propose', proposals: [{ id, data }] });
  }

  read(done: ReadDone): void {
    if (!this.isUp) return done('refused');
    const id = this.#nextId++;
    this.#asked.set(id, done);
    this.#push({ type: 'readIndex', id });
  }

  #push(input: Input): void {
    this.#inbox.push(input);
    this.#wake();
  }

  #wake(): void {
    if (this.#pumpScheduled) return;
    this.#pumpScheduled = true;
    const life = this.#life;
    const { random, scheduler } = this.#its;
    const at = Math.max(scheduler.now, this.#pausedUntil) + random.between(0, maxPumpDelayMs);
    scheduler.at(at, () => {
      if (life !== this.#life || !this.#pumpScheduled) return;
      this.#pumpScheduled = false;
      if (this.isPaused) this.#wake();
      else this.#pump();
    });
  }

  #pump(): void {
    const node = this.#node;
    if (node === null) return;
    const now = this.#its.clock.now();
    if (this.#hasPaused) {
      // Each connection kept its order, but which of them is read first after a stall nobody knows: maybe the clients', for long.
      this.#inbox = this.#its.random.shuffle(this.#inbox);
      this.#hasPaused = false;
    }
    if (this.#its.random.chance(audienceChangeRate)) {
      node.step({ type: 'audience', present: this.#its.random.chance(0.5) }, now);
    }
    for (const input of this.#inbox.splice(0, this.#its.random.integer(1, maxInputsPerPump))) {
      node.step(input, now);
      for (const observer of this.#its.observers) observer.stepped?.(this);
    }
    if (this.#inbox.length > 0) this.#wake();
    const output = node.takeOutput();
    for (const observer of this.#its.observers) observer.took?.(this, output);
    this.#send(output);
    if (output.persist !== null) this.#persist(output.persist);
    this.#settle(output);
    if (output.snapshotToRestore !== null) this.#restore(node, output.snapshotToRestore, now);
    this.#apply(node, output.committed, now);
    for (const send of output.snapshotSends) this.#its.sendSnapshot(send, node.state.term);
    this.counts.discarded += output.discarded.length;
    for (const load of output.loads) this.#load(load);
    this.#serveReads();
    this.#armTimer(node.nextDeadline());
  }

  #send(output: Output): void {
    for (const message of output.messages) {
      for (const observer of this.#its.observers) observer.sent?.(this, message);
      this.#its.transmit(message);
    }
  }

  #persist(job: NonNullable<Output['persist']>): void {
    const life = this.#life;
    if (job.snapshot === null && job.base.index > this.#base) this.counts.truncated++;
    this.#base = job.base.index;
    this.disk.submit(job, (sequence) => {
      for (const observer of this.#its.observers) observer.durable?.(this);
      if (life === this.#life) this.#push({ type: 'persisted', sequence });
    });
  }

  #settle(output: Output): void {
    for (const { id, index, term } of output.accepted) {
      const done = take(this.#proposals, id);
      // Accepted anew at this index: what an earlier leadership accepted here has left this log, but maybe not all others.
      this.#accepted.get(index)?.done('unknown');
      this.#accepted.set(index, { term, done });
    }
    for (const id of output.handedOver) take(this.#transfers, id)();
    for (const { what, id } of output.failed) {
      if (what === 'transfer') this.#transfers.delete(id);
      else if (what !== 'read') take(this.#proposals, id)('refused');
      else take(this.#asked, id)('refused');
    }
    for (const { id, index } of output.reads) this.#parked.push({ index, done: take(this.#asked, id) });
  }

  #apply(node: RaftNode, committed: readonly Entry[], now: Millis): void {
    for (const entry of committed) {
      for (const observer of this.#its.observers) observer.applied?.(this, entry);
      this.#applied = entry;
      const waiting = this.#accepted.get(entry.index);
      this.#accepted.delete(entry.index);
      waiting?.done(waiting.term === entry.term ? { index: entry.index } : 'refused');
    }
    if (committed.length > 0) node.step({ type: 'applied', index: this.appliedIndex }, now);
  }

  #restore(node: RaftNode, { id, position }: SnapshotMeta, now: Millis): void {
    for (const observer of this.#its.observers) observer.restored?.(this, position.index, position.term);
    this.counts.restored++;
    node.step({ type: 'restored', id }, now);
    this.#applied = position;
    for (const [index, { done }] of this.#accepted) {
      if (index > position.index) continue;
      this.#accepted.delete(index);
      done('unknown');
    }
  }

  #checkpointLater(): void {
    const { checkpointEveryMs, random, scheduler } = this.#its;
    if (checkpointEveryMs === Number.POSITIVE_INFINITY) return;
    const life = this.#life;
    scheduler.after(random.exponential(checkpointEveryMs), () => {
      if (life !== this.#life) return;
      if (!this.isPaused) this.#checkpoint();
      this.#checkpointLater();
    });
  }

  #checkpoint(): void {
    const { index, term } = this.#applied;
    const configuration = this.#node?.configurationAt(index) ?? null;
    if (configuration === null) return;
    const life = this.#life;
    this.disk.checkpoint({ position: { index, term }, configuration }, () => {
      // What else is on the disk comes and goes.
      const spareBytes = index % 2 === 0 ? 0 : Number.MAX_SAFE_INTEGER;
      if (life === this.#life) this.#push({ type: 'checkpointed', index, spareBytes });
    });
  }

  #load(request: LoadRequest): void {
    const life = this.#life;
    this.#its.scheduler.after(this.#its.random.between(0, maxLoadMs), () => {
      if (life !== this.#life) return;
      const entries: Entry[] = [];
      let bytes = 0;
      const { base, entries: kept } = this.disk.image;
      // The log may have been cut while the load was under way.
      for (const entry of request.from > base.index ? kept.slice(request.from - base.index - 1) : []) {
        bytes += entry.data.byteLength;
        if (bytes > request.maxBytes && entries.length > 0) break;
        entries.push(entry);
      }
      this.#push({ type: 'entriesLoaded', token: request.token, entries });
    });
  }

  #serveReads(): void {
    const due = this.#parked.filter(({ index }) => index <= this.appliedIndex);
    this.#parked = this.#parked.filter(({ index }) => index > this.appliedIndex);
    for (const { done } of due) done({ index: this.appliedIndex });
  }

  #armTimer(deadline: Millis): void {
    if (deadline === this.#timerAt || deadline === Number.POSITIVE_INFINITY) return;
    this.#timerAt = deadline;
    const life = this.#life;
    this.#its.scheduler.at(this.#its.clock.trueTime(deadline), () => {
      if (life !== this.#life || this.#timerAt !== deadline) return;
      this.#timerAt = Number.POSITIVE_INFINITY;
      // After a stall it depends on the platform what comes first: the timer that is overdue, or the frames that wait.
      if (this.isPaused && this.#its.random.chance(0.5)) this.#inbox.unshift({ type: 'tick' });
      else this.#inbox.push({ type: 'tick' });
      this.#wake();
    });
  }
}

function take<Value>(map: Map<number, Value>, id: number): Value {
  const value = map.get(id);
  if (value === undefined) throw new Error(`core settled ${id}, which was not waiting`);
  map.delete(id);
  return value;
}
