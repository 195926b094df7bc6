import type { MemberId, Message, SnapshotSend, Term } from '@conclave/core';
import { describeMessage, nameOf } from './describe.ts';
import type { LineKind, ScenarioMember, Surroundings } from './member.ts';

/** Rounds of deliveries and writes after which a scenario that goes on moving is taken to be caught in a loop. */
const maxRounds = 1_000;

export interface Line {
  readonly kind: LineKind;
  readonly text: string;
}

/** `unreported`: it arrived, and nobody said so; `lost`: neither. */
export type StreamEnd = 'sent' | 'failed' | 'unreported' | 'lost';

/** Which of the messages under way. */
export interface Selection {
  readonly to: MemberId | null;
  readonly from: MemberId | null;
  readonly type: string | null;
  readonly count: number;
}

/** All members, the time, and what is under way between them. */
export class World {
  now = 0;
  readonly members: Map<MemberId, ScenarioMember> = new Map();
  /** Sent, not delivered, in the order of sending. */
  underWay: Message[] = [];
  /** Taken out of `underWay` by the scenario, to arrive late. */
  held: Message[] = [];
  readonly cuts: Set<string> = new Set();
  readonly #names = new Map<number, string>();
  #lines: Line[] = [];

  takeLines(): Line[] {
    const lines = this.#lines;
    this.#lines = [];
    return lines;
  }

  print(kind: LineKind, text: string): void {
    this.#lines.push({ kind, text });
  }

  name(text: string): number {
    const id = this.#names.size + 1;
    this.#names.set(id, text);
    return id;
  }

  nameOf(id: number): string {
    return this.#names.get(id) ?? `#${id}`;
  }

  member(id: MemberId): ScenarioMember {
    const member = this.members.get(id);
    if (member === undefined) throw new Error(`there is no member ${id}`);
    return member;
  }

  get ids(): MemberId[] {
    return [...this.members.keys()];
  }

  send(message: Message): void {
    const isLost = this.cuts.has(`${message.from}->${message.to}`);
    this.print('message', `${describeMessage(message)}${isLost ? ' (lost)' : ''}`);
    if (!isLost) this.underWay.push(message);
  }

  /** Takes what is under way and fits. */
  take(selection: Selection): Message[] {
    const taken = this.underWay.filter((message) => fits(message, selection)).slice(0, selection.count);
    this.underWay = this.underWay.filter((message) => !taken.includes(message));
    return taken;
  }

  deliver(message: Message): void {
    this.members.get(message.to)?.step({ type: 'message', message });
  }

  /** Delivers and writes, among `ids`, until nothing moves any more. No time passes. */
  stabilize(ids: readonly MemberId[]): void {
    for (let round = 0; round < maxRounds; round++) {
      const members = ids.map((id) => this.member(id)).filter((member) => !member.isPaused);
      let moved = false;
      for (const member of members) if (this.#serve(member)) moved = true;
      for (const { id } of members) {
        const arrived = this.take({ to: id, from: null, type: null, count: Number.POSITIVE_INFINITY });
        for (const message of arrived) this.deliver(message);
        if (arrived.length > 0) moved = true;
      }
      if (!moved) return;
    }
    throw new Error(`something still moves after ${maxRounds} rounds`);
  }

  #serve(member: ScenarioMember): boolean {
    const { isDiskStalled, loads, streams, writes } = member;
    if (writes.length > 0 && !isDiskStalled) member.persist(writes.length);
    else if (loads.length > 0) member.load();
    else if (streams.length > 0) this.stream(member, 'sent');
    else return false;
    return true;
  }

  /** The oldest snapshot that `sender` was asked for goes to its receiver, unless it failed; how it ended is reported, unless not. */
  stream(sender: ScenarioMember, end: StreamEnd): void {
    const send = sender.streams.shift();
    if (send === undefined) return;
    const receiver = this.members.get(send.member);
    const isLost = this.cuts.has(`${sender.id}->${send.member}`) || (receiver?.node ?? null) === null;
    const hasFailed = end === 'failed' || end === 'lost' || isLost;
    const { configuration, position } = sender.image.checkpoint;
    const term = sender.node?.state.term ?? (0 as Term);
    if (!hasFailed) {
      this.print(
        'event',
        `${send.member}: receives a snapshot of ${position.term}/${position.index} from ${sender.id}`,
      );
      const snapshot = { id: `${position.term}/${position.index}`, position, configuration };
      receiver?.step({ type: 'snapshotReceived', snapshot, term });
    }
    if (end === 'sent' || end === 'failed') this.#report(sender, send, hasFailed);
  }

  #report(sender: ScenarioMember, { token }: SnapshotSend, hasFailed: boolean): void {
    const { index } = sender.image.checkpoint.position;
    sender.step(hasFailed ? { type: 'snapshotFailed', token } : { type: 'snapshotSent', token, index });
  }

  /** Time passes, with a tick at each member whenever one is due there; `afterwards` runs each time. */
  advance(durationMs: number, afterwards: () => void): void {
    const end = this.now + durationMs;
    for (;;) {
      const running = [...this.members.values()].filter((member) => member.node !== null && !member.isPaused);
      const due = Math.min(...running.map((member) => member.node?.nextDeadline() ?? Number.POSITIVE_INFINITY));
      if (due > end) break;
      this.now = Math.max(this.now, due);
      for (const member of running) if ((member.node?.nextDeadline() ?? end + 1) <= due) member.step({ type: 'tick' });
      afterwards();
    }
    this.now = end;
  }
}

function fits(message: Message, { from, to, type }: Selection): boolean {
  return (
    (to === null || message.to === to) &&
    (from === null || message.from === from) &&
    (type === null || nameOf(message) === type)
  );
}

/** Adds a member that starts at once. */
export function addMember(world: World, create: (its: Surroundings) => ScenarioMember): void {
  const member = create({
    get now(): number {
      return world.now;
    },
    print: (kind, text) => world.print(kind, text),
    send: (message) => world.send(message),
    nameOf: (id) => world.nameOf(id),
  });
  world.members.set(member.id, member);
  member.start();
}
