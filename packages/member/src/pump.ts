import type {
  Entry,
  Index,
  Input,
  LoadRequest,
  MemberId,
  Millis,
  Output,
  PersistJob,
  Proposal,
  RaftNode,
  ReadId,
  SnapshotMeta,
  SnapshotSend,
} from '@conclave/core';
import { asError } from './defect.ts';
import type { Cancel, Environment } from './environment.ts';
import type { PeerLinks } from './peer/links.ts';
import { Persister } from './persister.ts';
import { bounds } from './settings.ts';

/** What the pump hands on. */
export interface PumpListener {
  /** The inputs that were pushed so far are about to be stepped. */
  turnBegins(): void;
  /** Once a turn: mutations that are to be proposed now, fairly chosen. */
  takeProposals(max: number): readonly Proposal[];
  accepted(accepted: Output['accepted']): void;
  failed(failed: Output['failed']): void;
  readable(reads: Output['reads']): void;
  committed(entries: readonly Entry[]): void;
  /** The state will be replaced as a whole. Resolves when nothing writes to the present one any more. */
  replacing(): Promise<void>;
  /** The new state is in the store, and everything up to its position was left out of `committed`. */
  replaced(snapshot: SnapshotMeta): void;
  snapshotWanted(send: SnapshotSend): void;
  snapshotDiscarded(id: string): void;
  /** Leadership has gone where it was to go. */
  handedOver(transfers: Output['handedOver']): void;
  leadership(leadership: NonNullable<Output['leadership']>): void;
  /** Everything that the inputs of this turn have led to was handed on. */
  turnEnds(): void;
  fatal(error: Error): void;
}

/** A tick that comes later than this was overdue because the process stood still. */
const lateTickMs = 20;

/**
 * The loop around core, and the only place that drives it: inputs are collected while frames are read, then stepped together, and what
 * comes out is handed on in the order that costs least. No order in here is needed for safety; core sees to that.
 */
export class Pump {
  readonly #node: RaftNode;
  readonly #environment: Environment;
  readonly #links: PeerLinks;
  readonly #listener: PumpListener;
  readonly #persister: Persister;
  #inputs: Input[] = [];
  #scheduled = false;
  #stopped = false;
  #timer: Cancel | null = null;
  #timerAt: Millis = Number.POSITIVE_INFINITY;
  #nextReadId: ReadId = 1;
  /** Not told to core yet. */
  #applied: Index | null = null;

  constructor(node: RaftNode, environment: Environment, links: PeerLinks, listener: PumpListener) {
    this.#node = node;
    this.#environment = environment;
    this.#links = links;
    this.#listener = listener;
    this.#persister = new Persister(
      environment.store.log,
      (sequence) => this.push({ type: 'persisted', sequence }),
      (error) => this.#fail(error),
    );
  }

  push(input: Input): void {
    if (this.#stopped) return;
    this.#inputs.push(input);
    this.wake();
  }

  /** A turn is wanted, for inputs or for proposals. */
  wake(): void {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    this.#environment.timers.soon(() => this.#turn());
  }

  readIndex(): ReadId {
    const id = this.#nextReadId++;
    this.push({ type: 'readIndex', id });
    return id;
  }

  /** Core hears of it with the next turn: nothing waits for it that would not bring one. */
  applied(index: Index): void {
    this.#applied = index;
  }

  /** Whether somebody waits here for what is committed. */
  audience(present: boolean): void {
    this.push({ type: 'audience', present });
  }

  unreachable(member: MemberId): void {
    this.push({ type: 'unreachable', member });
  }

  stop(): void {
    this.#stopped = true;
    this.#inputs = [];
    this.#timer?.();
    this.#persister.stop();
  }

  #turn(): void {
    this.#scheduled = false;
    if (this.#stopped) return;
    try {
      this.#step();
      this.#handOn(this.#node.takeOutput());
      this.#links.turnEnds();
      this.#listener.turnEnds();
      this.#armTimer(this.#node.nextDeadline());
    } catch (error) {
      this.#fail(asError(error));
    }
  }

  #step(): void {
    this.#listener.turnBegins();
    this.#links.turnBegins();
    const now = this.#environment.clock.nowMs();
    if (this.#applied !== null) this.#node.step({ type: 'applied', index: this.#applied }, now);
    this.#applied = null;
    const inputs = this.#inputs;
    this.#inputs = inputs.length > bounds.maxInputsPerTurn ? inputs.splice(bounds.maxInputsPerTurn) : [];
    for (const input of inputs) this.#node.step(input, now);
    const proposals = this.#listener.takeProposals(bounds.maxProposalsPerTurn);
    if (proposals.length > 0) this.#node.step({ type: 'propose', proposals }, now);
    if (this.#inputs.length > 0) this.wake();
  }

  #handOn(output: Output): void {
    const listener = this.#listener;
    if (output.accepted.length > 0) listener.accepted(output.accepted);
    // Before the change of leadership is heard of: what was refused because of it is asked again because of it.
    if (output.failed.length > 0) listener.failed(output.failed);
    if (output.leadership !== null) listener.leadership(output.leadership);
    if (output.handedOver.length > 0) listener.handedOver(output.handedOver);
    for (const message of output.messages) this.#links.sendRaft(message);
    // Before the disk: the followers' disks and ours work at the same time (thesis §10.2.1).
    this.#links.flush();
    if (output.persist !== null) this.#persist(output.persist);
    if (output.snapshotToRestore !== null) listener.replaced(output.snapshotToRestore);
    for (const id of output.discarded) listener.snapshotDiscarded(id);
    for (const send of output.snapshotSends) listener.snapshotWanted(send);
    for (const load of output.loads) this.#load(load);
    if (output.committed.length > 0) listener.committed(output.committed);
    if (output.reads.length > 0) listener.readable(output.reads);
  }

  #persist(job: PersistJob): void {
    if (job.snapshot === null) this.#persister.submit(job);
    else this.#persister.submitAfter(this.#listener.replacing(), job);
  }

  #load({ token, from, maxBytes }: LoadRequest): void {
    const { log } = this.#environment.store;
    log.read(from, log.tail, maxBytes).then(
      (entries) => this.push({ type: 'entriesLoaded', token, entries }),
      (error: unknown) => this.#fail(asError(error)),
    );
  }

  #armTimer(deadline: Millis): void {
    // With every append the deadline moves on: a timer that rings too early costs less than setting one each time.
    if (this.#timer !== null && this.#timerAt <= deadline) return;
    this.#timer?.();
    this.#timer = null;
    this.#timerAt = deadline;
    if (deadline === Number.POSITIVE_INFINITY) return;
    const { clock, timers } = this.#environment;
    this.#timer = timers.after(Math.max(0, deadline - clock.nowMs()), () => {
      this.#timer = null;
      const due = this.#node.nextDeadline();
      if (due > clock.nowMs()) return this.#armTimer(due);
      // After a stall the event loop runs timers before it reads sockets: a follower would campaign against a leader whose heartbeats
      // lie unread in its buffers. Let them be read first.
      if (clock.nowMs() - deadline > lateTickMs) timers.soon(() => this.push({ type: 'tick' }));
      else this.push({ type: 'tick' });
    });
  }

  #fail(error: Error): void {
    if (this.#stopped) return;
    this.stop();
    this.#listener.fatal(error);
  }
}
