import { agreedLeader, type Cluster, catchUpMs, isSettled, presentMembers, presentVoters } from './cluster.ts';
import type { Host } from './host.ts';
import type { Random } from './random.ts';
import type { Scheduler } from './scheduler.ts';
import type { Settings } from './swarm.ts';
import { demand } from './violation.ts';

/** Election timeouts within which a partition that lasts must have been got over. */
const maxElections = 60;

/** Election timeouts for which leadership is then watched. */
const watchedElections = 10;

/**
 * A partition that nobody mends: some majority is up and sees each other, every other link works in both directions, in one or not at
 * all. Clients must reach a leader that can commit; and a leader that this majority agreed on before stays. That is what
 * CheckQuorum, PreVote and stickiness are for (thesis §4.2.3, §6.2, §9.6; Cloudflare, 2020-11-02; openraft #2080), and no
 * check of safety misses them.
 */
export function surviveLastingPartition(
  cluster: Cluster,
  scheduler: Scheduler,
  random: Random,
  settings: Settings,
): void {
  const { network } = cluster;
  const { electionMs, disk } = settings;
  // What was on its way, and what stood still.
  scheduler.runUntil(scheduler.now + settings.network.maxStragglerMs + disk.maxStallMs);
  finishChanges(cluster, scheduler, settings);
  // Somebody leads when it begins, and is pinned if anything pins it.
  scheduler.runUntil(scheduler.now + 5 * electionMs);
  const hosts = presentMembers(cluster.hosts);
  const leader = agreedLeader(hosts);
  const majority = partition(cluster, leader, random);
  const term = highestTerm(hosts);

  // Before anything is written: with equal logs only stickiness keeps members from voting for one that does not hear the leader.
  if (leader !== null && majority.includes(leader) && isQuick(settings)) {
    scheduler.runUntil(scheduler.now + watchedElections * electionMs);
    demand(highestTerm(hosts) === term, 'stable leadership', () => `${leader.id} led ${term}, now: ${describe(hosts)}`);
  }

  const deadline = scheduler.now + maxElections * electionMs + disk.maxStallMs + catchUpMs(cluster.hosts, settings);
  let written = false;
  const tried = (): boolean => {
    for (const host of hosts.filter((one) => one.node?.state.role === 'leader'))
      host.write(new Uint8Array(8), (result) => (written ||= typeof result === 'object'));
    scheduler.runUntil(scheduler.now + electionMs / 2);
    return written;
  };
  while (!tried())
    demand(scheduler.now < deadline, 'availability', () => `no leader commits anything: ${describe(hosts)}`);
  for (const host of hosts) if (!host.isUp) host.start();
  network.heal();
}

/** A change of membership that was under way is finished by whoever leads, also by a leader that did not begin it. */
function finishChanges({ hosts }: Cluster, scheduler: Scheduler, settings: Settings): void {
  const { disk, electionMs } = settings;
  const deadline = scheduler.now + maxElections * electionMs + disk.maxStallMs + catchUpMs(hosts, settings);
  while (!isSettled(hosts)) {
    demand(scheduler.now < deadline, 'liveness', () => `a change is not finished: ${describe(hosts)}`);
    scheduler.runUntil(scheduler.now + settings.electionMs / 2);
  }
}

/** Frames and writes are so much faster than timeouts that none is ever missed by chance. */
function isQuick({ electionMs, heartbeatMs, network, disk }: Settings): boolean {
  return (
    electionMs - 2 * heartbeatMs > 20 * (network.minDelayMs + network.meanDelayMs + disk.minWriteMs + disk.meanWriteMs)
  );
}

/** The majority that sees each other. Half of the time the leader is not in it. */
function partition(cluster: Cluster, leader: Host | null, random: Random): Host[] {
  const { network } = cluster;
  const hosts = presentVoters(cluster.hosts);
  const order = random.shuffle(hosts);
  if (leader !== null && random.chance(0.5)) order.push(...order.splice(order.indexOf(leader), 1));
  const size = Math.floor(hosts.length / 2) + 1;
  const majority = order.slice(0, size);
  const cutShare = random.pick([0.3, 0.5, 0.8, 1]);
  // The others miss nobody but the leader: they would be elected, if those who hear it let them.
  const hidden = leader !== null && majority.includes(leader) && random.chance(0.4);
  for (const host of order.slice(size)) {
    if (hidden) {
      network.cut(host.id, leader.id);
      network.cut(leader.id, host.id);
      continue;
    }
    for (const other of hosts) {
      if (other === host) continue;
      if (random.chance(cutShare)) network.cut(host.id, other.id);
      if (random.chance(cutShare)) network.cut(other.id, host.id);
    }
    if (host !== leader && random.chance(0.3)) host.crash();
  }
  return majority;
}

function highestTerm(hosts: readonly Host[]): number {
  return Math.max(...hosts.map((host) => host.node?.state.term ?? 0));
}

function describe(hosts: readonly Host[]): string {
  return hosts
    .map(({ id, node }) =>
      node === null ? `${id} down` : `${id} ${node.state.role} term ${node.state.term} leader ${node.state.leader}`,
    )
    .join('; ');
}
