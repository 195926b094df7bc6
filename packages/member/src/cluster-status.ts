import type { MemberId, RaftStatus } from '@conclave/core';
import type { ClusterStatus, MemberStatus } from '@conclave/protocol';
import type { Cancel, Timers } from './environment.ts';
import type { PeerLinks } from './peer/links.ts';
import type { Report } from './peer/message.ts';
import type { MemberAddress, MemberSettings } from './settings.ts';

/** Reports that are older than this say nothing about the present. */
const reportLifeMs = 3_000;
const reportIntervalMs = 1_000;

/** What a member has to do with at the moment. */
export interface MemberCounts {
  readonly connections: number;
  readonly watches: number;
  readonly sessions: number;
  /** Mutations not answered yet. */
  readonly pending: number;
}

/** What is known of the other members: what they said of themselves lately. And what they are told of this one. */
export class Reports {
  readonly #settings: MemberSettings;
  readonly #timers: Timers;
  readonly #links: Pick<PeerLinks, 'send'>;
  readonly #raft: () => RaftStatus;
  #timer: Cancel | null = null;
  readonly #reports = new Map<MemberId, { readonly report: Report; readonly atMs: number }>();

  constructor(settings: MemberSettings, timers: Timers, links: Pick<PeerLinks, 'send'>, raft: () => RaftStatus) {
    this.#settings = settings;
    this.#timers = timers;
    this.#links = links;
    this.#raft = raft;
  }

  start(): void {
    const { applied, committed: commit, durable } = this.#raft();
    const { id: own, members, pid } = this.#settings;
    for (const { id } of members) {
      if (id !== own) this.#links.send(id, { type: 'report', applied, commit, durable, pid: pid ?? 0 });
    }
    this.#timer = this.#timers.after(reportIntervalMs, () => this.start());
  }

  stop(): void {
    this.#timer?.();
  }

  note(peer: MemberId, report: Report, nowMs: number): void {
    this.#reports.set(peer, { report, atMs: nowMs });
  }

  lost(peer: MemberId): void {
    this.#reports.delete(peer);
  }

  of(peer: MemberId, nowMs: number): Report | null {
    const known = this.#reports.get(peer);
    return known !== undefined && nowMs - known.atMs <= reportLifeMs ? known.report : null;
  }
}

export function clusterStatus(
  settings: MemberSettings,
  raft: RaftStatus,
  revision: number,
  reportOf: (peer: MemberId) => Report | null,
): ClusterStatus {
  return {
    clusterId: settings.clusterId,
    term: raft.term,
    leader: raft.leader,
    revision,
    hasQuorum: raft.leader !== null,
    members: settings.members.map((address) =>
      address.id === settings.id
        ? ownStatus(address, raft, settings.pid)
        : peerStatus(address, raft, reportOf(address.id)),
    ),
  };
}

function ownStatus(
  { clientUrl, id, name, peerUrl }: MemberAddress,
  raft: RaftStatus,
  pid: number | null,
): MemberStatus {
  const role = raft.role === 'pre-candidate' ? 'candidate' : raft.role;
  const { applied, committed: commit, durable } = raft;
  return { id, name, role, clientUrl, peerUrl, applied, commit, durable, pid };
}

function peerStatus(
  { clientUrl, id, name, peerUrl }: MemberAddress,
  raft: RaftStatus,
  report: Report | null,
): MemberStatus {
  const address = { id, name, clientUrl, peerUrl };
  if (report === null)
    return { ...address, role: 'unreachable', applied: null, commit: null, durable: null, pid: null };
  const { applied, commit, durable, pid } = report;
  return {
    ...address,
    role: raft.leader === id ? 'leader' : 'follower',
    applied,
    commit,
    durable,
    pid: pid === 0 ? null : pid,
  };
}
