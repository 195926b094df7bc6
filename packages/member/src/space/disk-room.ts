import type { Configuration, MemberId, RaftStatus } from '@conclave/core';
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
 * does not make a cluster read-only. When no majority of the voters has room, nobody takes more: two disks that fill up to the last byte
 * would take the reads with them.
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

  /** As leader: take only what does not let the state grow. */
  get isShort(): boolean {
    return this.#isShort;
  }

  /** About once a second, after the own disk was looked at. */
  #consider(): void {
    const { log, raft, reports } = this.#world;
    const status = raft();
    const said = reports();
    const hasRoom = (id: MemberId): boolean => (id === status.id ? !this.isLow : said.get(id)?.diskLow !== true);
    const mostHaveRoom = areMost(status.configuration, hasRoom);
    const isShort = this.isLow || !mostHaveRoom;
    const leads = status.role === 'leader';
    if (leads && isShort && !this.#isShort) {
      const low = status.configuration.voters.filter((id) => !hasRoom(id));
      log.error({ low }, 'disks are low: what would let the state grow is refused');
    }
    this.#isShort = isShort;
    if (leads && this.isLow && mostHaveRoom) this.#handOver(status, (id) => said.get(id)?.diskLow === false);
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
