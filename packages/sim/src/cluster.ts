import {
  configurationOf,
  defaultOptions,
  emptyConfiguration,
  type Index,
  isJoint,
  type MemberId,
  type Message,
  membersOf,
} from '@conclave/core';
import { Clock } from './clock.ts';
import { Disk } from './disk.ts';
import { freshAcknowledged, freshHardState, Host, logStart } from './host.ts';
import { Network } from './network.ts';
import type { Observer } from './observer.ts';
import type { Random } from './random.ts';
import type { Scheduler } from './scheduler.ts';
import { Snapshots } from './snapshots.ts';
import type { Settings } from './swarm.ts';
import type { Trace } from './trace.ts';

/** When core takes a snapshot of which nothing is said for lost. */
const snapshotDeadlineMs = 5_000;

export interface Cluster {
  readonly hosts: readonly Host[];
  readonly network: Network;
  readonly snapshots: Snapshots;
}

export function createCluster(
  settings: Settings,
  scheduler: Scheduler,
  random: Random,
  trace: Trace,
  observers: readonly Observer[],
): Cluster {
  const ids = Array.from({ length: settings.members }, (_, at) => (at + 1) as MemberId);
  const { leaseReads, spares } = settings.membership;
  const founding = { ...configurationOf(ids), leaseReads };
  const spareIds = Array.from({ length: spares }, (_, at) => (settings.members + at + 1) as MemberId);
  const deliver = (message: Message): void => {
    trace.record(scheduler.now, kindOf(message), message.from, message.to, message.term, () => describe(message));
    hosts[message.to - 1]?.receive(message);
  };
  const { linkClosedRate } = settings.network;
  const links = random.fork('links');
  const closed = (at: Host | undefined, member: MemberId): void => {
    if (links.chance(linkClosedRate)) at?.linkClosed(member);
  };
  const refuse = (message: Message): void => {
    hosts[message.from - 1]?.unreachable(message.to);
    closed(hosts[message.from - 1], message.to);
  };
  const network = new Network(scheduler, random.fork('network'), settings.network, deliver, refuse);
  const snapshots = new Snapshots(scheduler, random.fork('snapshots'), settings.snapshots, (from, to) =>
    network.connects(from, to),
  );
  const hosts: Host[] = [...ids, ...spareIds].map((id) => {
    const own = random.fork(`host ${id}`);
    const drift = settings.faults.clockDrift;
    const configuration = ids.includes(id) ? founding : emptyConfiguration;
    const image = {
      hardState: freshHardState,
      acknowledged: freshAcknowledged,
      base: logStart,
      entries: [],
      checkpoint: { position: logStart, configuration },
    };
    return new Host(id, {
      scheduler,
      random: own,
      clock: new Clock(scheduler, own.between(1 - drift, 1 + drift), own.between(0, 1e6)),
      disk: new Disk(scheduler, own.fork('disk'), settings.disk, image),
      checkpointEveryMs: settings.snapshots.checkpointEveryMs,
      options: {
        ...defaultOptions,
        id,
        electionMs: settings.electionMs,
        heartbeatMs: settings.heartbeatMs,
        maxAppendBytes: settings.maxAppendBytes,
        maxInflightAppends: settings.maxInflightAppends,
        maxLogWindowBytes: settings.maxLogWindowBytes,
        maxUnappliedBytes: settings.maxUnappliedBytes,
        keptLogEntries: settings.snapshots.keptLogEntries,
        keptLogBytes: settings.snapshots.keptLogBytes,
        keptForPeersBytes: settings.snapshots.keptForPeersBytes,
        snapshotDeadlineMs,
        maxClockDrift: Math.max(drift, 1e-6),
      },
      observers,
      transmit: (message) => network.send(message),
      sendSnapshot: (send, term) => {
        const [from, to] = [hosts[id - 1], hosts[send.member - 1]];
        if (from !== undefined && to !== undefined) snapshots.send(from, to, term, send);
      },
      linksClosed: () => {
        for (const other of hosts) if (other.id !== id) closed(other, id);
      },
    });
  });
  return { hosts, network, snapshots };
}

const kinds = [
  'preVote',
  'preVoteResponse',
  'vote',
  'voteResponse',
  'append',
  'appendAccepted',
  'appendRejected',
  'heartbeat',
  'heartbeatResponse',
  'commitNotice',
  'readIndexRequest',
  'readIndexResponse',
  'timeoutNow',
] as const;

function kindOf(message: Message): number {
  return kinds.indexOf(message.type);
}

function describe(message: Message): string {
  const { from, to, type, term, ...rest } = message;
  const detail = JSON.stringify(rest, (key, value: unknown) => (key === 'data' ? undefined : value));
  return `${from} -> ${to} ${type} term ${term} ${detail}`;
}

/** The member that all that are up agree to be led by, in the newest term. */
export function agreedLeader(hosts: readonly Host[]): Host | null {
  const id = hosts[0]?.leader ?? null;
  const term = hosts[0]?.node?.state.term;
  const agreed = hosts.every((host) => host.leader === id && host.node?.state.term === term);
  return agreed ? (hosts.find((host) => host.id === id && host.leads) ?? null) : null;
}

/** Who takes part, as the member has it that has committed most. */
export function presentMembers(hosts: readonly Host[]): Host[] {
  const members = membersOf(newest(hosts)?.node?.state.configuration ?? emptyConfiguration);
  return hosts.filter((host) => members.includes(host.id));
}

export function presentVoters(hosts: readonly Host[]): Host[] {
  const voters = newest(hosts)?.node?.state.configuration.voters ?? [];
  return hosts.filter((host) => voters.includes(host.id));
}

/** No change is under way, as far as the member knows that has committed most. */
export function isSettled(hosts: readonly Host[]): boolean {
  const raft = newest(hosts)?.node?.state;
  return raft !== undefined && !isJoint(raft.configuration) && raft.configurations.latestIndex <= raft.log.committed;
}

/** How long it may take until everybody has what somebody has, when each append carries one entry and waits for the one before, or comes behind a snapshot. */
export function catchUpMs(hosts: readonly Host[], { disk, network, snapshots }: Settings): number {
  const last = (host: Host): number => host.disk.image.base.index + host.disk.image.entries.length;
  const backlog = Math.max(...hosts.map(last)) - Math.min(...presentMembers(hosts).map(last));
  const roundMs = 2 * (network.minDelayMs + network.meanDelayMs) + disk.minWriteMs + disk.meanWriteMs;
  // One that takes ten times the mean is one of 22,000. Of some nothing is ever said, and so it may be with the next.
  const snapshotMs = 10 * snapshots.meanSendMs + (snapshots.unreportedRate > 0 ? 2 * snapshotDeadlineMs : 0);
  return 2 * backlog * roundMs + snapshotMs;
}

function newest(hosts: readonly Host[]): Host | undefined {
  const committed = (host: Host): number => host.node?.state.log.committed ?? -1;
  return hosts.toSorted((a, b) => committed(b) - committed(a))[0];
}

export function highestApplied(hosts: readonly Host[]): Index {
  return Math.max(...hosts.map((host) => host.appliedIndex)) as Index;
}
