import {
  type Configuration,
  decodeConfiguration,
  type Entry,
  EntryKind,
  type MemberId,
  type Message,
  type Output,
} from '@conclave/core';
import type { Host } from '../host.ts';
import type { Observer } from '../observer.ts';
import { demand } from '../violation.ts';
import { disjointQuorums, isQuorum } from './quorum.ts';

interface Step {
  readonly index: number;
  readonly configuration: Configuration;
}

/**
 * Each member's configuration is the last one in its log, or that of its checkpoint; each differs from the one before it so little that any two
 * of their majorities have a member in common; and a leader never has two that are not committed (Raft §6).
 */
export class Configurations implements Observer {
  readonly name = 'configurations';
  readonly #steps = new Map<MemberId, Step[]>();
  readonly #compared = new Set<string>();

  started(host: Host): void {
    const { checkpoint, entries } = host.disk.image;
    const steps: Step[] = [{ index: checkpoint.position.index, configuration: checkpoint.configuration }];
    this.#steps.set(host.id, steps);
    this.#add(
      steps,
      entries.filter((entry) => entry.index > checkpoint.position.index),
    );
    this.#isInForce(host, steps);
  }

  took(host: Host, { persist }: Output): void {
    let steps = this.#steps.get(host.id) ?? [];
    if (persist === null) return;
    if (persist.snapshot !== null) {
      steps = [{ index: persist.snapshot.position.index, configuration: persist.snapshot.configuration }];
      this.#steps.set(host.id, steps);
    }
    const first = persist.entries[0]?.index ?? Number.POSITIVE_INFINITY;
    while (steps.length > 1 && (steps.at(-1)?.index ?? 0) >= first) steps.pop();
    this.#add(steps, persist.entries);
    this.#isInForce(host, steps);
  }

  #add(steps: Step[], entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry.kind !== EntryKind.Configuration) continue;
      const { configuration } = decodeConfiguration(entry.data);
      this.#intersect(steps.at(-1)?.configuration, configuration, entry.index);
      steps.push({ index: entry.index, configuration });
    }
  }

  #intersect(before: Configuration | undefined, after: Configuration, index: number): void {
    // A member that joins knows no earlier one.
    if (before === undefined || before.voters.length === 0) return;
    const pair = JSON.stringify([before, after]);
    if (this.#compared.has(pair)) return;
    this.#compared.add(pair);
    const disjoint = disjointQuorums(before, after);
    demand(
      disjoint === null,
      this.name,
      () => `at ${index}, of ${pair}, ${JSON.stringify(disjoint)} have nobody in common`,
    );
  }

  #isInForce(host: Host, steps: readonly Step[]): void {
    const raft = host.node?.state;
    const last = steps.at(-1);
    if (raft === undefined || last === undefined) return;
    const [expected, found] = [last.configuration, raft.configuration].map((one) => JSON.stringify(one));
    demand(expected === found, this.name, () => `${host.id} goes by ${found}, and its log says ${expected}`);
    if (raft.role !== 'leader') return;
    const open = steps.filter((step) => step.index > raft.log.committed).length;
    demand(open <= 1, this.name, () => `leader ${host.id} has ${open} changes that are not committed`);
  }
}

/** A leader was voted for by a majority of its configuration: by nobody who has no vote in it, and by nobody who has left it. */
export class ElectedByVoters implements Observer {
  readonly name = 'elected by voters';
  readonly #granted = new Map<string, Set<MemberId>>();

  sent(_host: Host, message: Message): void {
    if (message.type !== 'voteResponse' || !message.granted) return;
    const key = `${message.to}@${message.term}`;
    const granted = this.#granted.get(key) ?? new Set([message.to]);
    granted.add(message.from);
    this.#granted.set(key, granted);
  }

  took(host: Host, { leadership }: Output): void {
    if (leadership?.role !== 'leader') return;
    const granted = this.#granted.get(`${host.id}@${leadership.term}`) ?? new Set([host.id]);
    const configuration = host.node?.state.configuration;
    demand(
      configuration !== undefined && isQuorum(configuration, granted),
      this.name,
      () => `${host.id} leads ${leadership.term} by ${[...granted].join(', ')} in ${JSON.stringify(configuration)}`,
    );
  }
}

/** A snapshot that a member goes on from is what all had at that index, and takes nothing back. */
export class Restored implements Observer {
  readonly name = 'restored from snapshots';
  readonly #committedTerm: (index: number) => number | undefined;

  constructor(committedTerm: (index: number) => number | undefined) {
    this.#committedTerm = committedTerm;
  }

  restored(host: Host, index: number, term: number): void {
    demand(index > host.appliedIndex, this.name, () => `${host.id} went from ${host.appliedIndex} to ${index}`);
    demand(this.#committedTerm(index) === term, this.name, () => `${host.id} restored ${index} of term ${term}`);
  }
}
