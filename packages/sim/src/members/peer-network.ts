import type { MemberId } from '@conclave/core';
import {
  decodeHello,
  type Lane,
  lanes,
  type Member,
  PeerRefusedError,
  type PeerTransport,
  type Verdict,
} from '@conclave/member';
import type { Random } from '../random.ts';
import type { Scheduler } from '../scheduler.ts';
import type { Trace } from '../trace.ts';
import { Violation } from '../violation.ts';
import type { MemberHost } from './host.ts';
import type { Microtasks } from './microtasks.ts';
import type { MemberRunSettings } from './settings.ts';

/** How long a side takes to notice that a connection is gone, and to try another. */
const maxNoticeMs = 300;
/** Where somebody tells it: the machine beside it resets the connection. */
const maxResetMs = 10;
const maxReconnectMs = 80;
/** A connection over a cut link hangs, and breaks after about this time: nobody tells that from a slow one at once. */
const meanHangMs = 1_500;
/** While one lane is clogged the other flows: heartbeats and renewals pass, entries do not. */
const maxClogMs = 4_000;
/** More than any run has. */
const maxMembers = 1_000;

interface Direction {
  readonly from: MemberHost;
  readonly to: MemberHost;
  /** This side knows of the connection. */
  open: boolean;
  /** How often it has opened: word of an earlier connection's end, which a side that stood still may hear twice, ends no later one. */
  opened: number;
  readonly arrivesAt: Record<Lane, number>;
  /** Sent over a cut link: arrives when it is mended, if the connection lives so long. */
  held: (() => void)[];
}

interface Link {
  /** Grows with each connection: what was sent over an earlier one is lost. */
  connection: number;
  isConnecting: boolean;
  readonly sides: readonly [Direction, Direction];
}

export interface PeerWorld {
  readonly scheduler: Scheduler;
  readonly microtasks: Microtasks;
  readonly random: Random;
  readonly trace: Trace;
  readonly settings: MemberRunSettings;
  readonly fail: (error: unknown) => void;
}

/** Connections between members, as TCP has them: in order within a lane, all or nothing, until they break and take along what is under way. */
export class PeerNetwork {
  readonly counts: {
    frames: number;
    broken: number;
    dropped: number;
    admitted: number;
    refused: number;
    clogged: number;
  } = {
    frames: 0,
    broken: 0,
    dropped: 0,
    admitted: 0,
    refused: 0,
    clogged: 0,
  };
  readonly #world: PeerWorld;
  readonly #links: Link[] = [];
  /** By both ends, as one number. */
  readonly #directions = new Map<number, { readonly link: Link; readonly side: Direction }>();
  readonly #cut = new Set<string>();
  #isReliable = false;

  constructor(world: PeerWorld) {
    this.#world = world;
  }

  /** All hosts, once they are made. */
  connect(hosts: readonly MemberHost[]): void {
    for (const [at, host] of hosts.entries()) this.join(host, hosts.slice(0, at));
  }

  /** A member that was not there before. */
  join(host: MemberHost, others: readonly MemberHost[]): void {
    for (const other of others) {
      const link: Link = { connection: 0, isConnecting: false, sides: [sideOf(other, host), sideOf(host, other)] };
      this.#links.push(link);
      for (const side of link.sides) this.#directions.set(side.from.id * maxMembers + side.to.id, { link, side });
      this.#breakNowAndThen(link);
      this.#clogNowAndThen(link);
    }
  }

  transport(from: MemberId): PeerTransport {
    // Everybody is connected with everybody who is in: only admission keeps anybody out.
    return {
      send: (to, lane, frame) => this.#send(from, to, lane, frame),
      bufferedBytes: () => 0,
      reach: () => {},
    };
  }

  lifeChanged(host: MemberHost): void {
    for (const link of this.#links) {
      if (!link.sides.some(({ from }) => from === host)) continue;
      if (host.isUp) this.#reconnectSoon(link);
      else this.#break(link);
    }
  }

  /** Both directions, and both sides are told. */
  sever(from: number, to: number): void {
    this.#cut.add(`${from}>${to}`);
    this.#cut.add(`${to}>${from}`);
    const link = this.#linkOf(from, to);
    if (link !== undefined) this.#break(link, maxResetMs);
  }

  #linkOf(from: number, to: number): Link | undefined {
    return this.#links.find(({ sides }) => sides.some((side) => side.from.id === from && side.to.id === to));
  }

  cut(from: number, to: number): void {
    this.#cut.add(`${from}>${to}`);
    const link = this.#linkOf(from, to);
    if (link === undefined) return;
    const { connection } = link;
    this.#world.scheduler.after(this.#world.random.exponential(meanHangMs), () => {
      if (link.connection === connection && this.#isCut(from, to)) this.#break(link);
    });
  }

  heal(): void {
    this.#cut.clear();
    for (const { sides } of this.#links) {
      for (const side of sides) for (const arrive of side.held.splice(0)) arrive();
    }
  }

  becomeReliable(): void {
    this.#isReliable = true;
    this.heal();
    for (const link of this.#links) this.#reconnectSoon(link);
  }

  #isCut(from: number, to: number): boolean {
    return this.#cut.size > 0 && this.#cut.has(`${from}>${to}`);
  }

  #breakNowAndThen(link: Link): void {
    const { random, scheduler, settings } = this.#world;
    if (settings.linkBreakEveryMs === Number.POSITIVE_INFINITY) return;
    scheduler.after(random.exponential(settings.linkBreakEveryMs), () => {
      if (this.#isReliable || isDead(link)) return;
      this.#break(link);
      this.#breakNowAndThen(link);
    });
  }

  #clogNowAndThen(link: Link): void {
    const { random, scheduler, settings } = this.#world;
    if (settings.clogEveryMs === Number.POSITIVE_INFINITY) return;
    scheduler.after(random.exponential(settings.clogEveryMs), () => {
      if (this.#isReliable || isDead(link)) return;
      this.counts.clogged++;
      const { arrivesAt } = random.pick(link.sides);
      arrivesAt.bulk = Math.max(arrivesAt.bulk, scheduler.now + random.between(0, maxClogMs));
      this.#clogNowAndThen(link);
    });
  }

  #send(from: MemberId, to: MemberId, lane: Lane, frame: Uint8Array): boolean {
    const { random, settings } = this.#world;
    const found = this.#direction(from, to);
    if (found === null || !found.side.open) return false;
    if (!this.#isReliable && random.chance(settings.dropRate)) {
      this.counts.dropped++;
      return false;
    }
    this.counts.frames++;
    const { link, side } = found;
    const { connection } = link;
    if (!this.#isCut(from, to)) this.#travel(link, side, lane, frame);
    else
      side.held.push(() => {
        if (link.connection === connection) this.#travel(link, side, lane, frame);
      });
    return true;
  }

  #travel(link: Link, side: Direction, lane: Lane, frame: Uint8Array): void {
    const { random, scheduler, settings, trace } = this.#world;
    const { connection } = link;
    const { from, to } = side;
    const delay = settings.minDelayMs + random.exponential(settings.meanDelayMs);
    side.arrivesAt[lane] = Math.max(side.arrivesAt[lane], scheduler.now + delay);
    scheduler.at(side.arrivesAt[lane], () => {
      if (link.connection !== connection) return;
      if (this.#isCut(from.id, to.id)) {
        side.held.push(() => {
          if (link.connection === connection) this.#travel(link, side, lane, frame);
        });
        return;
      }
      to.enter('arrivals', () => {
        if (link.connection !== connection) return;
        trace.record(
          scheduler.now,
          lanes.indexOf(lane),
          from.id,
          to.id,
          frame.length,
          () => `${from.id} -> ${to.id} ${lane} ${frame.length} bytes`,
        );
        to.member?.receivePeer(from.id, frame);
      });
    });
  }

  #direction(from: MemberId, to: MemberId): { link: Link; side: Direction } | null {
    return this.#directions.get(from * maxMembers + to) ?? null;
  }

  #break(link: Link, noticeMs: number = maxNoticeMs): void {
    const { random, scheduler } = this.#world;
    const wasOpen = link.sides.some(({ open }) => open);
    link.connection++;
    link.isConnecting = false;
    if (wasOpen) this.counts.broken++;
    for (const side of link.sides) {
      side.held = [];
      if (!side.open) continue;
      const { from, to } = side;
      const { life } = from;
      const { opened } = side;
      scheduler.after(random.between(0, noticeMs), () => {
        if (from.life !== life) {
          if (side.opened === opened) side.open = false;
          return this.#reconnectSoon(link);
        }
        from.enter('arrivals', () => {
          if (side.opened !== opened || !side.open) return;
          side.open = false;
          for (const lane of lanes) from.member?.peerLost(to.id, lane);
          this.#reconnectSoon(link);
        });
      });
      if (!from.isUp) side.open = false;
    }
    this.#reconnectSoon(link);
  }

  #reconnectSoon(link: Link): void {
    const { random, scheduler } = this.#world;
    if (link.isConnecting || isDead(link)) return;
    link.isConnecting = true;
    const { connection } = link;
    scheduler.after(random.between(1, maxReconnectMs), () => {
      if (link.connection !== connection) return;
      link.isConnecting = false;
      const [a, b] = link.sides;
      if (a.from.member === null || b.from.member === null || (a.open && b.open)) return;
      const isReachable = !this.#isCut(a.from.id, b.from.id) && !this.#isCut(b.from.id, a.from.id);
      if (a.open || b.open || !isReachable) return this.#reconnectSoon(link);
      link.isConnecting = true;
      this.#shakeHands(link);
    });
  }

  /** Each side says hello, and hears nothing else before it has admitted the other. */
  #shakeHands(link: Link): void {
    const { microtasks, random, scheduler, settings } = this.#world;
    const connection = ++link.connection;
    let count = 0;
    const admitted = (isAdmitted: boolean): void => {
      if (!isAdmitted || link.connection !== connection) return;
      count++;
      if (count === link.sides.length) this.#open(link);
    };
    for (const { from, to } of link.sides) {
      from.enter('arrivals', () => {
        const hello = from.member?.hello(to.id);
        if (hello === undefined) return;
        scheduler.after(settings.minDelayMs + random.exponential(settings.meanDelayMs), () => {
          if (link.connection !== connection) return;
          to.enter('arrivals', () => {
            if (link.connection !== connection || to.member === null) return;
            microtasks.touch();
            void this.#admit(to.member, from, hello).then((isAdmitted) => admitted(isAdmitted));
          });
        });
      });
    }
    // A side that stands still, or a path that is cut meanwhile: begun anew.
    scheduler.after(maxNoticeMs, () => {
      if (link.connection === connection && !link.sides.every(({ open }) => open)) this.#break(link);
    });
  }

  async #admit(member: Member, from: MemberHost, hello: Uint8Array): Promise<boolean> {
    try {
      await member.admit(decodeHello(hello));
      return true;
    } catch (error) {
      if (!(error instanceof PeerRefusedError)) return false;
      this.counts.refused++;
      const { scheduler, trace } = this.#world;
      trace.record(scheduler.now, 20, from.id, 0, 0, () => `${from.id} is refused: ${error.message}`);
      // No disk is ever wiped or put back under its old id here: a founder is refused because it was removed, or wrongly.
      const { verdict } = error;
      if (verdict !== 'removed' && from.isFounder)
        this.#world.fail(new Violation('members are admitted', error.message));
      if (verdict !== null) this.#tell(from, decodeHello(hello).to, verdict);
      return false;
    }
  }

  #tell(host: MemberHost, by: MemberId, verdict: Verdict): void {
    const { random, scheduler, settings } = this.#world;
    scheduler.after(settings.minDelayMs + random.exponential(settings.meanDelayMs), () =>
      host.enter('arrivals', () => host.member?.told(by, verdict)),
    );
  }

  #open(link: Link): void {
    this.counts.admitted++;
    link.isConnecting = false;
    for (const side of link.sides) {
      side.from.member?.acceptedBy(side.to.id);
      side.open = true;
      side.opened++;
      for (const lane of lanes) side.arrivesAt[lane] = 0;
    }
  }
}

/** One of both never comes back. */
function isDead({ sides }: Link): boolean {
  return sides.some(({ from }) => !from.isPresent);
}

function sideOf(from: MemberHost, to: MemberHost): Direction {
  return { from, to, open: false, opened: 0, arrivesAt: { control: 0, bulk: 0, snapshot: 0 }, held: [] };
}
