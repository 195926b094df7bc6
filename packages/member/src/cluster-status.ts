import type { MemberId, RaftStatus } from '@conclave/core';
import type { ClusterStatus, MemberStatus } from '@conclave/protocol';
import type { Report } from './peer/message.ts';
import type { MemberAddress, MemberSettings } from './settings.ts';

/** Reports that are older than this say nothing about the present. */
const reportLifeMs = 3_000;
export const reportIntervalMs = 1_000;

/** What is known of the other members: what they said of themselves lately. */
export class Reports {
  readonly #reports = new Map<MemberId, { readonly report: Report; readonly atMs: number }>();

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
  return { id, name, role, standing: 'voter', clientUrl, peerUrl, applied, commit, durable, pid };
}

function peerStatus(
  { clientUrl, id, name, peerUrl }: MemberAddress,
  raft: RaftStatus,
  report: Report | null,
): MemberStatus {
  const address = { id, name, standing: 'voter', clientUrl, peerUrl } as const;
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
