import { type Configuration, type MemberId, type RaftStatus, votersOf } from '@conclave/core';
import { asError } from '../defect.ts';
import type { Clock, Logger, Store, Timers } from '../environment.ts';
import type { Report } from '../peer/message.ts';
import { bounds } from '../settings.ts';
import { successorAmong } from '../successor.ts';
import { SpaceWatch } from './space-watch.ts';

export interface DiskRoomWorld {
  readonly clock: Clock;
  readonly log: Logger;
  readonly store: Pick<Store, 'space' | 'restoreReserve'>;
  readonly timers: Timers;
  readonly electionMs: number;
  readonly raft: () => RaftStatus;
  /** What the other members said of themselves lately. */
  readonly reports: () => ReadonlyMap<MemberId, Pick<Report, 'diskLow'>>;
  /** Resolves when this member does not lead any more; rejects when it still does. */
  readonly handOver: (to: MemberId) => Promise<void>;
  /** A defect. */
  readonly failed: (error: Error) => void;
}

/**
 * Whether there is room for more, as whoever leads judges it. A leader whose own disk is low hands over to a voter that has room; one disk
 * does not make a cluster read-only. When a voter's disk is low, a majority must be known to have room, or nobody takes more: two disks that
 * fill up to the last byte would take the reads with them, and so would one beside a voter that is down. As long as no disk is known to be
 * low, silence is none: a cluster with a voter down, and one whose leader has not heard of anybody yet, takes writes.
 */
export class DiskRoom {
  readonly #world: DiskRoomWorld;
  readonly #watch: SpaceWatch;
  #isShort = false;
  #triedAtMs = Number.NEGATIVE_INFINITY;

  constructor(world: DiskRoomWorld) {
    this.#world = world;
    const { failed, log, store, timers } = world;
    this.#watch = new SpaceWatch(store, timers, log, { looked: () => this.#consider(), failed });
  }

  start(): void {
    this.#watch.start();
  }

  async stop(): Promise<void> {
    await this.#watch.stop();
  }

  /** This member's own disk is. */
  get isLow(): boolean {
    return this.#watch.isLow;
  }

  /** What the log may keep at most for members that take a snapshot. */
  get spareBytes(): number {
    return this.#watch.spareBytes;
  }

  /** As leader: take only what does not let the state grow. */
  get isShort(): boolean {
    return this.#isShort;
  }

  /** About once a second, after the own disk was looked at. */
  #consider(): void {
    const { log, raft, reports } = this.#world;
    const status = raft();
    const said = reports();
    // Null: not heard of lately.
    const isLow = (id: MemberId): boolean | null => (id === status.id ? this.isLow : (said.get(id)?.diskLow ?? null));
    const hasRoom = (id: MemberId): boolean => isLow(id) === false;
    const low = votersOf(status.configuration).filter(isLow);
    const mostHaveRoom = low.length === 0 || areMost(status.configuration, hasRoom);
    const isShort = this.isLow || !mostHaveRoom;
    const leads = status.role === 'leader';
    if (leads && isShort && !this.#isShort) {
      const unheard = votersOf(status.configuration).filter((id) => isLow(id) === null);
      log.error({ low, unheard }, 'disks are low: what would let the state grow is refused');
    }
    this.#isShort = isShort;
    if (leads && this.isLow && mostHaveRoom) this.#handOver(status, hasRoom);
  }

  #handOver(status: RaftStatus, hasRoom: (id: MemberId) => boolean): void {
    const { clock, electionMs, handOver, log } = this.#world;
    const nowMs = clock.nowMs();
    if (nowMs - this.#triedAtMs < bounds.spaceHandOverMs) return;
    const to = successorAmong(status, electionMs, hasRoom);
    if (to === null) return;
    this.#triedAtMs = nowMs;
    log.warn({ to }, 'the disk is low: leadership goes to a member that has room');
    handOver(to).catch((error: unknown) => {
      log.warn({ reason: asError(error).message }, 'leadership stays with a member whose disk is low');
    });
  }
}

/** While the configuration is joint, of both sets of voters. */
function areMost({ voters, votersOutgoing }: Configuration, test: (id: MemberId) => boolean): boolean {
  return [voters, votersOutgoing].every((all) => all.length === 0 || 2 * all.filter(test).length > all.length);
}
