import { configurationOf, defaultOptions, type Index, type MemberId, type Message } from '@conclave/core';
import { Clock } from './clock.ts';
import { Disk } from './disk.ts';
import { freshAcknowledged, freshHardState, Host } from './host.ts';
import { Network } from './network.ts';
import type { Observer } from './observer.ts';
import type { Random } from './random.ts';
import type { Scheduler } from './scheduler.ts';
import type { Settings } from './swarm.ts';
import type { Trace } from './trace.ts';

export interface Cluster {
  readonly hosts: readonly Host[];
  readonly network: Network;
}

export function createCluster(
  settings: Settings,
  scheduler: Scheduler,
  random: Random,
  trace: Trace,
  observers: readonly Observer[],
): Cluster {
  const ids = Array.from({ length: settings.members }, (_, at) => (at + 1) as MemberId);
  const configuration = configurationOf(ids);
  const deliver = (message: Message): void => {
    trace.record(scheduler.now, kindOf(message), message.from, message.to, message.term, () => describe(message));
    hosts[message.to - 1]?.receive(message);
  };
  const refuse = (message: Message): void => hosts[message.from - 1]?.unreachable(message.to);
  const network = new Network(scheduler, random.fork('network'), settings.network, deliver, refuse);
  const hosts = ids.map((id) => {
    const own = random.fork(`host ${id}`);
    const drift = settings.faults.clockDrift;
    const image = { hardState: freshHardState, acknowledged: freshAcknowledged, entries: [] };
    return new Host(id, {
      scheduler,
      random: own,
      clock: new Clock(scheduler, own.between(1 - drift, 1 + drift), own.between(0, 1e6)),
      disk: new Disk(scheduler, own.fork('disk'), settings.disk, image),
      configuration,
      options: {
        ...defaultOptions,
        id,
        electionMs: settings.electionMs,
        heartbeatMs: settings.heartbeatMs,
        maxAppendBytes: settings.maxAppendBytes,
        maxInflightAppends: settings.maxInflightAppends,
        maxLogWindowBytes: settings.maxLogWindowBytes,
        maxUnappliedBytes: settings.maxUnappliedBytes,
      },
      observers,
      transmit: (message) => network.send(message),
    });
  });
  return { hosts, network };
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
  const leader = hosts[0]?.leader ?? null;
  const term = hosts[0]?.node?.state.term;
  const agreed = hosts.every((host) => host.leader === leader && host.node?.state.term === term);
  return agreed && leader !== null ? (hosts[leader - 1] ?? null) : null;
}

export function highestApplied(hosts: readonly Host[]): Index {
  return Math.max(...hosts.map((host) => host.appliedIndex)) as Index;
}
