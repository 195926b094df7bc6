import { surviveLastingPartition } from './availability.ts';
import {
  agreedLeader,
  type Cluster,
  catchUpMs,
  createCluster,
  highestApplied,
  isSettled,
  presentMembers,
} from './cluster.ts';
import type { HostCounts } from './host.ts';
import { AppliedInOrder, Commitment, LeaderCompleteness } from './invariants/commitment.ts';
import { DurableAcknowledgements } from './invariants/durable-acknowledgements.ts';
import { ElectionSafety, OneVotePerTerm } from './invariants/election-safety.ts';
import { FreshReads } from './invariants/fresh-reads.ts';
import { LocalState } from './invariants/local-state.ts';
import { LeaderAppendOnly, LogMatching } from './invariants/log-matching.ts';
import { Configurations, ElectedByVoters, Restored } from './invariants/membership.ts';
import { Promises } from './invariants/promises.ts';
import { Ledger } from './ledger.ts';
import { Load, type LoadCounts } from './load.ts';
import { type FaultCounts, Nemesis } from './nemesis.ts';
import type { NetworkCounts } from './network.ts';
import type { Observer } from './observer.ts';
import { Operator, type OperatorCounts } from './operator.ts';
import { Random } from './random.ts';
import { Scheduler } from './scheduler.ts';
import type { SnapshotCounts } from './snapshots.ts';
import type { Settings } from './swarm.ts';
import { Trace } from './trace.ts';
import { demand } from './violation.ts';

export interface RunReport {
  readonly hash: string;
  readonly simulatedMs: number;
  readonly events: number;
  readonly committed: number;
  readonly terms: number;
  readonly faults: FaultCounts;
  readonly network: Readonly<NetworkCounts>;
  readonly disk: { readonly writes: number; readonly stalls: number; readonly tornAway: number };
  readonly load: LoadCounts;
  readonly operator: OperatorCounts;
  readonly snapshots: SnapshotCounts & HostCounts;
}

/** Election timeouts after which a healed cluster has elected a leader and brought everybody up to date. */
const healingElections = 60;

/**
 * Runs one seed: a phase of faults, in which nothing unsafe may happen; a partition that lasts, over which a majority must get; then
 * healing, after which everything must work. Throws a Violation.
 */
export function simulate(seed: number, settings: Settings, print: ((line: string) => void) | null = null): RunReport {
  const random = new Random(seed);
  const scheduler = new Scheduler();
  const trace = new Trace(print);
  const observers = invariants();
  const cluster = createCluster(settings, scheduler, random.fork('cluster'), trace, observers);
  for (const host of cluster.hosts) host.start();
  const load = new Load(cluster.hosts, scheduler, random.fork('load'), settings.load, observers);
  const nemesis = new Nemesis(cluster, scheduler, random.fork('nemesis'), settings.faults);
  observers.push(nemesis);
  const operator = new Operator(cluster.hosts, scheduler, random.fork('operator'), settings.membership);

  scheduler.runUntil(settings.safetyMs);
  load.stop();
  operator.stop();
  nemesis.stop();
  surviveLastingPartition(cluster, scheduler, random.fork('lasting partition'), settings);
  heal(cluster, scheduler, settings);
  for (const observer of observers) observer.ended?.(cluster.hosts);
  return report(cluster, scheduler, trace, { nemesis, load, operator });
}

function invariants(): Observer[] {
  const ledger = new Ledger();
  return [
    ledger,
    new ElectionSafety(),
    new OneVotePerTerm(),
    new LeaderAppendOnly(),
    new LogMatching(ledger),
    new Commitment(ledger),
    new LeaderCompleteness(ledger),
    new AppliedInOrder(ledger),
    new Promises(ledger),
    new FreshReads(),
    new DurableAcknowledgements(ledger),
    new LocalState(),
    new Configurations(),
    new ElectedByVoters(),
    new Restored((index) => ledger.committed[index]?.term),
  ];
}

/** Liveness: with all faults over, a leader is found, takes a write and answers a read, and everybody catches up. */
function heal(cluster: Cluster, scheduler: Scheduler, settings: Settings): void {
  const { disk, electionMs } = settings;
  const slowMs = disk.maxStallMs + snapshotMs(settings) + catchUpMs(cluster.hosts, settings);
  const deadline = scheduler.now + healingElections * electionMs + slowMs;
  let written = false;
  let answered = false;
  const settled = (): boolean => {
    const hosts = presentMembers(cluster.hosts);
    const leader = agreedLeader(hosts);
    if (leader === null) return false;
    if (!written) leader.write(new Uint8Array(8), (result) => (written = typeof result === 'object'));
    if (written && !answered) hosts[0]?.read((result) => (answered = typeof result === 'object'));
    return (
      written && answered && isSettled(hosts) && hosts.every((host) => host.appliedIndex === highestApplied(hosts))
    );
  };
  while (!settled()) {
    demand(
      scheduler.now < deadline,
      'liveness',
      () => `not settled: ${cluster.hosts.map((host) => describeHost(host)).join('; ')}`,
    );
    scheduler.runUntil(scheduler.now + settings.electionMs / 2);
  }
}

/** A member that lacks what has left the log gets a snapshot, and maybe another one because the log moved on meanwhile. */
function snapshotMs({ snapshots }: Settings): number {
  return 20 * snapshots.meanSendMs;
}

function describeHost(host: Cluster['hosts'][number]): string {
  const raft = host.node?.state;
  if (raft === undefined) return `${host.id} down`;
  const { log } = raft;
  const { voters, votersOutgoing } = raft.configuration;
  return `${host.id} ${raft.role} [${voters.join()}|${votersOutgoing.join()}] term ${raft.term} leader ${raft.leader} log ${log.lastIndex} committed ${log.committed} applied ${log.applied}`;
}

interface Actors {
  readonly nemesis: Nemesis;
  readonly load: Load;
  readonly operator: Operator;
}

function report(cluster: Cluster, scheduler: Scheduler, trace: Trace, { load, nemesis, operator }: Actors): RunReport {
  const { hosts, network } = cluster;
  const sum = (of: (host: Cluster['hosts'][number]) => number): number =>
    hosts.reduce((total, host) => total + of(host), 0);
  return {
    hash: trace.hash,
    simulatedMs: scheduler.now,
    events: scheduler.eventCount,
    committed: highestApplied(hosts),
    terms: Math.max(...hosts.map((host) => host.node?.state.term ?? 0)),
    faults: nemesis.counts,
    network: network.counts,
    disk: {
      writes: sum((host) => host.disk.counts.writes),
      stalls: sum((host) => host.disk.counts.stalls),
      tornAway: sum((host) => host.disk.counts.tornAway),
    },
    load: load.counts,
    operator: operator.counts,
    snapshots: {
      ...cluster.snapshots.counts,
      restored: sum((host) => host.counts.restored),
      discarded: sum((host) => host.counts.discarded),
      truncated: sum((host) => host.counts.truncated),
    },
  };
}
