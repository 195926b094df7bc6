import type { MemberId, SnapshotSend, Term } from '@conclave/core';
import type { Host } from './host.ts';
import type { Random } from './random.ts';
import type { Scheduler } from './scheduler.ts';
import type { SnapshotSettings } from './swarm.ts';
import { demand } from './violation.ts';

export interface SnapshotCounts {
  begun: number;
  delivered: number;
  failed: number;
  /** The sender's core was told of neither success nor failure. */
  unreported: number;
  /** Arrived once more, long after. */
  repeated: number;
}

/** Streams of state between members: they take their time, fail, are not reported, and arrive when nobody waits for them any more. */
export class Snapshots {
  readonly counts: SnapshotCounts = { begun: 0, delivered: 0, failed: 0, unreported: 0, repeated: 0 };
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #settings: SnapshotSettings;
  readonly #connects: (from: MemberId, to: MemberId) => boolean;
  #next = 1;

  constructor(
    scheduler: Scheduler,
    random: Random,
    settings: SnapshotSettings,
    connects: (from: MemberId, to: MemberId) => boolean,
  ) {
    this.#scheduler = scheduler;
    this.#random = random;
    this.#settings = settings;
    this.#connects = connects;
  }

  send(from: Host, to: Host, term: Term, { atLeast, token }: SnapshotSend): void {
    const { configuration, position } = from.disk.image.checkpoint;
    demand(
      position.index >= atLeast,
      'snapshots',
      () => `${from.id} has ${position.index} and was asked for ${atLeast}`,
    );
    this.counts.begun++;
    const report = from.reporter();
    const snapshot = { id: `${from.id}-${this.#next++}`, position, configuration };
    const durationMs = this.#random.exponential(this.#settings.meanSendMs);
    this.#scheduler.after(durationMs / 2, () => report({ type: 'snapshotProgress', token }));
    this.#scheduler.after(durationMs, () => {
      const arrives = to.isUp && this.#connects(from.id, to.id) && !this.#random.chance(this.#settings.failRate);
      if (arrives) {
        this.counts.delivered++;
        to.receiveSnapshot(snapshot, term);
        if (this.#random.chance(this.#settings.repeatRate)) {
          this.counts.repeated++;
          this.#scheduler.after(this.#random.between(0, 2_000), () => to.receiveSnapshot(snapshot, term));
        }
      } else this.counts.failed++;
      if (this.#random.chance(this.#settings.unreportedRate)) this.counts.unreported++;
      else if (arrives) report({ type: 'snapshotSent', token, index: position.index });
      else report({ type: 'snapshotFailed', token });
    });
  }
}
