// What the tests of this package drive members with: every message, every write and every millisecond is moved by hand.

import type { Input } from './input.ts';
import type { Append, Message } from './message.ts';
import { RaftNode } from './node.ts';
import { defaultOptions, type RaftOptions } from './options.ts';
import type { LoadRequest, Output, SnapshotSend } from './output.ts';
import {
  type Acknowledged,
  type Configuration,
  type ConfigurationChange,
  type Entry,
  EntryKind,
  type Failure,
  type HardState,
  type Index,
  type LogPosition,
  type MemberId,
  type PersistJob,
  type Proposal,
  type Role,
  type SnapshotMeta,
  type Term,
  type TermRun,
} from './types.ts';

export interface Setup {
  readonly id?: number;
  /** Everybody who votes; three members unless told. */
  readonly voters?: readonly number[];
  readonly learners?: readonly number[];
  readonly leaseReads?: boolean;
  readonly term?: number;
  readonly vote?: number | null;
  /** The terms of the entries of its log, from index 1 on. */
  readonly log?: readonly number[];
  /** The stored hint of what is committed. */
  readonly commit?: number;
  readonly options?: Partial<RaftOptions>;
  /** Its state machine takes nothing, and loads no snapshot, before the test says so. */
  readonly stateMachineStalls?: boolean;
  /** Always 0 unless told, so that every election timeout is exactly `electionMs`. */
  readonly random?: () => number;
}

/** A message without what the test's counterpart fills in. A vote is asked for in a transfer only if it says so. */
type Said<Type extends Message['type']> = Omit<
  Extract<Message, { type: Type }>,
  'type' | 'to' | 'transfer' | 'canLead'
> & {
  readonly transfer?: boolean;
  readonly canLead?: boolean;
};

export const electionMs = 1_000;
export const heartbeatMs = 100;

const logStart: LogPosition = { index: 0 as Index, term: 0 as Term };

/** What a crash leaves. */
interface Image {
  hardState: HardState;
  acknowledged: Acknowledged;
  base: LogPosition;
  entries: Entry[];
  /** The state machine's, which is taken along in each restart. */
  applied: LogPosition;
  configuration: Configuration;
}

/** One member, its disk, and whatever came out of it. Nothing is persisted or delivered unless the test says so. */
export class Member {
  readonly id: MemberId;
  readonly disk: Image;
  node: RaftNode;
  now = 0;
  /** Left the member, and was taken by nobody yet. */
  outbox: Message[] = [];
  writes: PersistJob[] = [];
  readonly committed: Entry[] = [];
  readonly reads: { readonly id: number; readonly index: number }[] = [];
  readonly failed: Failure[] = [];
  readonly accepted: { readonly id: number; readonly index: number; readonly term: number }[] = [];
  readonly loads: LoadRequest[] = [];
  readonly handedOver: number[] = [];
  readonly snapshotSends: SnapshotSend[] = [];
  readonly restored: SnapshotMeta[] = [];
  readonly discarded: string[] = [];
  readonly #options: RaftOptions;
  readonly #random: () => number;
  readonly #stateMachineStalls: boolean;

  constructor(setup: Setup = {}) {
    const { id = 1, voters = [1, 2, 3], learners = [], log = [], commit = 0, vote = null } = setup;
    this.id = id as MemberId;
    const configuration = {
      voters: voters as MemberId[],
      votersOutgoing: [],
      learners: learners as MemberId[],
      learnersNext: [],
      leaseReads: setup.leaseReads ?? false,
    };
    this.#options = { ...defaultOptions, electionMs, heartbeatMs, ...setup.options, id: this.id };
    this.#stateMachineStalls = setup.stateMachineStalls ?? false;
    this.#random = setup.random ?? ((): number => 0);
    const term = (setup.term ?? log.at(-1) ?? 0) as Term;
    this.disk = {
      hardState: { term, vote: vote as MemberId | null, commit: commit as Index },
      acknowledged: { term: 0 as Term, index: 0 as Index },
      base: logStart,
      entries: entriesOf(log),
      applied: logStart,
      configuration,
    };
    this.node = this.#boot();
  }

  #boot(): RaftNode {
    const { acknowledged, applied, base, configuration, entries, hardState } = this.disk;
    return new RaftNode(
      this.#options,
      {
        hardState,
        acknowledged,
        base,
        configuration,
        terms: runsOf(entries),
        tail: (base.index + entries.length) as Index,
        entries: [...entries],
        applied: applied.index,
      },
      { next: this.#random },
      this.now,
    );
  }

  get role(): Role {
    return this.node.state.role;
  }

  get term(): number {
    return this.node.state.term;
  }

  get vote(): number | null {
    return this.node.state.vote;
  }

  get leader(): number | null {
    return this.node.state.leader;
  }

  get commitIndex(): number {
    return this.node.state.log.committed;
  }

  get lastIndex(): number {
    return this.node.state.log.lastIndex;
  }

  /** The terms of its log, from index 1 on. */
  get log(): number[] {
    const { log } = this.node.state;
    return Array.from({ length: log.lastIndex }, (_, at) => log.termAt((at + 1) as Index) as number);
  }

  /** Steps one input and takes the output. */
  step(input: Input): void {
    this.node.step(input, this.now);
    this.#take();
  }

  /** Steps many inputs before the output is taken, as a driver under load does. */
  stepAll(inputs: readonly Input[]): void {
    for (const input of inputs) this.node.step(input, this.now);
    this.#take();
  }

  #take(): void {
    const output: Output = this.node.takeOutput();
    this.outbox.push(...output.messages);
    if (output.persist !== null) this.writes.push(output.persist);
    this.committed.push(...output.committed);
    this.reads.push(...output.reads);
    this.failed.push(...output.failed);
    this.accepted.push(...output.accepted);
    this.loads.push(...output.loads);
    this.handedOver.push(...output.handedOver);
    this.snapshotSends.push(...output.snapshotSends);
    this.discarded.push(...output.discarded);
    if (output.snapshotToRestore !== null) this.restored.push(output.snapshotToRestore);
    if (!this.#stateMachineStalls)
      this.apply(output.snapshotToRestore?.id ?? null, output.committed.at(-1)?.index ?? null);
  }

  /** The state machine has loaded the snapshot, and taken everything up to `index`. */
  apply(snapshot: string | null, index: Index | null): void {
    if (index !== null) this.step({ type: 'applied', index });
    if (snapshot !== null) this.step({ type: 'restored', id: snapshot });
  }

  /** The oldest `count` writes reach the disk, and then the member is told; all of them unless told how many. */
  persist(count: number = this.writes.length): void {
    const done = this.writes.splice(0, count);
    for (const job of done) applyTo(this.disk, job);
    const last = done.at(-1);
    if (last !== undefined) this.step({ type: 'persisted', sequence: last.sequence });
  }

  /** The process dies: writes that had not reached the disk are lost. It comes back from what the disk holds. */
  restart(): void {
    this.writes = [];
    this.outbox = [];
    this.node = this.#boot();
  }

  /** Time passes, with a tick whenever one is due. */
  advance(durationMs: number): void {
    const end = this.now + durationMs;
    while (this.node.nextDeadline() <= end) {
      this.now = Math.max(this.now, this.node.nextDeadline());
      this.step({ type: 'tick' });
    }
    this.now = end;
  }

  receive(message: Message): void {
    this.step({ type: 'message', message });
  }

  /** A message of the given kind to this member. */
  hear<Type extends Message['type']>(type: Type, said: Said<Type>): void {
    this.receive(messageTo(this.id, type, said));
  }

  propose(...ids: readonly number[]): void {
    this.step({ type: 'propose', proposals: ids.map((id) => proposal(id)) });
  }

  change(id: number, change: ConfigurationChange, context: Uint8Array = new Uint8Array(0)): void {
    this.step({ type: 'changeConfiguration', id, change, context });
  }

  transfer(id: number, to: number | 'best'): void {
    this.step({ type: 'transferLeader', id, to: to as MemberId | 'best' });
  }

  /** The state machine's state up to `index`, all of which is committed, reaches its own store. */
  checkpoint(index: number, spareBytes = 0): void {
    const configuration = this.node.configurationAt(index as Index);
    if (configuration === null) return;
    this.disk.configuration = configuration;
    this.disk.applied = { index: index as Index, term: this.node.state.log.termAt(index as Index) as Term };
    this.step({ type: 'checkpointed', index: index as Index, spareBytes });
  }

  get configuration(): Configuration {
    return this.node.state.configuration;
  }

  read(id: number): void {
    this.step({ type: 'readIndex', id });
  }

  campaign(): void {
    this.step({ type: 'campaign' });
  }

  /** Takes the messages of one kind out of the outbox; the others stay. */
  said<Type extends Message['type']>(type: Type): Extract<Message, { type: Type }>[] {
    const taken = this.outbox.filter((message): message is Extract<Message, { type: Type }> => message.type === type);
    this.outbox = this.outbox.filter((message) => message.type !== type);
    return taken;
  }

  /** Wins an election with the grants of `voters`, and has its no-op on its disk; nothing of it is left in the outbox. */
  lead(voters: readonly number[] = [2]): void {
    this.campaign();
    for (const from of voters as MemberId[])
      this.hear('preVoteResponse', {
        from,
        term: this.term as Term,
        campaignTerm: (this.term + 1) as Term,
        granted: true,
      });
    this.persist();
    for (const from of voters as MemberId[])
      this.hear('voteResponse', { from, term: this.term as Term, granted: true });
    this.persist();
    this.outbox = [];
  }
}

export function messageTo<Type extends Message['type']>(to: number, type: Type, said: Said<Type>): Message {
  // What `said` leaves out is exactly what is added here, which the compiler cannot follow through a generic Omit.
  const usual = {
    ...(type === 'vote' || type === 'preVote' ? { transfer: false } : {}),
    ...(type === 'heartbeatResponse' ? { canLead: true } : {}),
  };
  return { type, to, ...usual, ...said } as object as Message;
}

/** An append as a test writes it: `terms` are those of the entries behind `prev`, which is [index, term]. */
export function append(
  from: number,
  term: number,
  prev: readonly [number, number],
  terms: readonly number[] = [],
  commit: number = 0,
): Said<'append'> {
  return {
    from: from as MemberId,
    term: term as Term,
    prevIndex: prev[0] as Index,
    prevTerm: prev[1] as Term,
    commit: commit as Index,
    entries: entriesOf(terms, prev[0] + 1),
  };
}

/** Entries of these terms from index `first` on; the data names index and term. */
export function entriesOf(terms: readonly number[], first: number = 1): Entry[] {
  return terms.map((term, at) => ({
    index: (first + at) as Index,
    term: term as Term,
    kind: EntryKind.Command,
    data: Uint8Array.of(first + at, term),
  }));
}

export function proposal(id: number, bytes: number = 4): Proposal {
  return { id, data: new Uint8Array(bytes).fill(id) };
}

export function runsOf(entries: readonly Entry[]): TermRun[] {
  const runs: TermRun[] = [];
  for (const { index, term } of entries) if (runs.at(-1)?.term !== term) runs.push({ term, first: index });
  return runs;
}

export function termsOf(message: Pick<Append, 'entries'>): number[] {
  return message.entries.map((entry) => entry.term);
}

function applyTo(disk: Image, job: PersistJob): void {
  if (job.snapshot !== null) {
    disk.entries = [];
    disk.base = job.snapshot.position;
    disk.applied = job.snapshot.position;
    disk.configuration = job.snapshot.configuration;
  }
  const first = job.entries[0];
  if (first !== undefined) disk.entries.length = first.index - disk.base.index - 1;
  disk.entries.push(...job.entries);
  disk.entries.splice(0, job.base.index - disk.base.index);
  disk.base = job.base;
  disk.hardState = job.hardState;
  disk.acknowledged = job.acknowledged;
}

/** Several members and the links between them. A message waits until the test delivers it. */
export class Cluster {
  readonly members: readonly Member[];
  readonly #cut = new Set<string>();

  constructor(setups: readonly Setup[]) {
    const voters = setups.map((_, at) => at + 1);
    // Each its own election timeout, always the same: the member with the smallest id campaigns first.
    this.members = setups.map((setup, at) => new Member({ voters, random: () => at / 10, ...setup, id: at + 1 }));
  }

  member(id: number): Member {
    const member = this.members[id - 1];
    if (member === undefined) throw new Error(`there is no member ${id}`);
    return member;
  }

  /** From now on messages from `from` to `to` are lost; in both directions with `cut(a, b)` and `cut(b, a)`. */
  cut(from: number, to: number): void {
    this.#cut.add(`${from}>${to}`);
  }

  isolate(id: number): void {
    for (const other of this.members) {
      this.cut(id, other.id);
      this.cut(other.id, id);
    }
  }

  heal(): void {
    this.#cut.clear();
  }

  /** Delivers and persists until nothing moves any more; no time passes. */
  settle(): void {
    while (this.members.some((member) => member.outbox.length > 0 || member.writes.length > 0)) {
      for (const member of this.members) {
        member.persist();
        const leaving = member.outbox;
        member.outbox = [];
        for (const message of leaving) {
          if (!this.#cut.has(`${message.from}>${message.to}`)) this.member(message.to).receive(message);
        }
      }
    }
  }

  /** Time passes for all, and whatever comes of it settles at once. */
  run(durationMs: number): void {
    const end = (this.members[0]?.now ?? 0) + durationMs;
    for (;;) {
      const due = Math.min(...this.members.map((member) => member.node.nextDeadline()));
      if (due > end) break;
      for (const member of this.members) {
        member.now = Math.max(member.now, due);
        if (member.node.nextDeadline() <= due) member.step({ type: 'tick' });
      }
      this.settle();
    }
    for (const member of this.members) member.now = end;
  }

  /** `id` asks for votes and everybody answers. */
  elect(id: number): Member {
    const member = this.member(id);
    member.campaign();
    this.settle();
    return member;
  }
}
