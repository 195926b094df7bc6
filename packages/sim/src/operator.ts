import type { Configuration, ConfigurationChange, MemberId } from '@conclave/core';
import type { Host } from './host.ts';
import type { Random } from './random.ts';
import type { Scheduler } from './scheduler.ts';
import type { MembershipSettings } from './swarm.ts';

export interface OperatorCounts {
  changes: number;
  changed: number;
  refused: number;
  transfers: number;
  handedOver: number;
}

const maxVoters = 7;

/**
 * Changes who takes part, and who leads, at any moment: adds, promotes, demotes, removes, replaces, several at once, and asks for nonsense.
 * A member that was removed may come back with what its disk holds; one that lost its disk may not, and does not here.
 */
export class Operator {
  readonly counts: OperatorCounts = { changes: 0, changed: 0, refused: 0, transfers: 0, handedOver: 0 };
  readonly #hosts: readonly Host[];
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  #stopped = false;

  constructor(hosts: readonly Host[], scheduler: Scheduler, random: Random, settings: MembershipSettings) {
    this.#hosts = hosts;
    this.#scheduler = scheduler;
    this.#random = random;
    this.#every(settings.changeEveryMs, (leader) => this.#change(leader));
    this.#every(settings.transferEveryMs, (leader) => this.#transfer(leader));
  }

  stop(): void {
    this.#stopped = true;
  }

  #every(meanMs: number, act: (leader: Host) => void): void {
    if (meanMs === Number.POSITIVE_INFINITY) return;
    this.#scheduler.after(this.#random.exponential(meanMs), () => {
      if (this.#stopped) return;
      const leaders = this.#hosts.filter((host) => host.leads);
      if (leaders.length > 0) act(this.#random.pick(leaders));
      this.#every(meanMs, act);
    });
  }

  #change(leader: Host): void {
    const configuration = leader.node?.state.configuration;
    if (configuration === undefined) return;
    const change = this.#choose(configuration);
    this.counts.changes++;
    leader.change(change, (result) => {
      if (result === 'refused') this.counts.refused++;
      else if (result !== 'unknown') this.counts.changed++;
    });
  }

  #choose(configuration: Configuration): ConfigurationChange {
    const random = this.#random;
    const { learners, voters } = configuration;
    const others = this.#hosts.map(({ id }) => id).filter((id) => !voters.includes(id) && !learners.includes(id));
    const some = (from: readonly MemberId[], atMost: number): MemberId[] =>
      random.shuffle(from).slice(0, random.integer(0, atMost + 1));
    const spare = Math.max(0, maxVoters - voters.length);
    const kind = random.pick([
      'add',
      'add',
      'promote',
      'promote',
      'remove',
      'replace',
      'demote',
      'lease',
      'several',
      'nonsense',
    ]);
    switch (kind) {
      case 'add':
        return { addLearners: some(others, 2) };
      case 'promote':
        return { promote: some(learners, Math.min(2, spare)) };
      case 'remove':
        return { remove: some([...learners, ...voters], 1) };
      case 'replace':
        return { promote: learners.slice(0, 1), remove: [random.pick(voters)] };
      case 'demote':
        return { demote: some(voters, Math.min(2, voters.length - 1)) };
      case 'lease':
        return { leaseReads: !configuration.leaseReads };
      case 'several': {
        const [demoted, ...kept] = random.shuffle(voters);
        return {
          addLearners: some(others, 1),
          promote: some(learners, Math.min(2, spare)),
          demote: demoted === undefined ? [] : [demoted],
          remove: some(kept, 1),
        };
      }
      default:
        return { promote: some(others, 2), remove: some(voters, voters.length) };
    }
  }

  #transfer(leader: Host): void {
    this.counts.transfers++;
    leader.transfer(
      this.#random.chance(0.3) ? 'best' : this.#random.pick(this.#hosts).id,
      () => this.counts.handedOver++,
    );
  }
}
