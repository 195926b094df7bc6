import type { Bug } from '../bug.ts';

/** Reads without a log entry, and leases. */
export const readBugs: readonly Bug[] = [
  {
    name: 'reads-without-asking',
    what: 'a leader answers reads without finding out whether it still leads',
    seenIn: 'etcd #741, consul; Jepsen, 2014',
    onlyWith: 'stale leaders with leases',
    edits: [
      { file: 'core/src/read-index.ts', find: 'if (holdsLease(raft)) {', replace: "if (raft.role === 'leader') {" },
    ],
  },
  {
    name: 'reads-before-own-term',
    what: 'a new leader answers reads before an entry of its term is committed',
    seenIn: 'etcd #7331, tikv #6340',
    edits: [
      {
        file: 'core/src/read-index.ts',
        find: '  if (log.termAt(log.committed) !== raft.term) return;\n',
        replace: '',
      },
    ],
  },
  {
    name: 'read-confirmed-by-earlier-round',
    what: 'answers to heartbeats that left before a read confirm it',
    seenIn: 'etcd #20418, antfly #599',
    edits: [
      {
        file: 'core/src/read-index.ts',
        find: 'reads.startRound(heartbeat(raft), log.committed);',
        replace: 'reads.startRound(Math.max(heartbeat(raft) - 1, 0), log.committed);',
      },
    ],
  },
  {
    name: 'read-joins-a-request-under-way',
    what: 'a read is answered by an index that was asked for before it began',
    seenIn: 'etcd #20418',
    edits: [
      {
        file: 'core/src/read-index.ts',
        find: '  else reads.unasked.push(id);',
        replace:
          '  else if (reads.asked.size > 0) {\n    const [request, ids] = [...reads.asked][0] as [number, readonly ReadId[]];\n    reads.asked.set(request, [...ids, id]);\n  } else reads.unasked.push(id);',
      },
    ],
  },
  {
    name: 'lease-too-long',
    what: 'a lease lasts one and a half election times',
    seenIn: 'etcd-io/raft #166',
    onlyWith: 'stale leaders with leases',
    edits: [
      {
        file: 'core/src/lease.ts',
        find: '(electionMs * (1 - maxClockDrift)) / (1 + maxClockDrift) - leaseMarginMs;',
        replace: '1.5 * electionMs + 0 * maxClockDrift * leaseMarginMs;',
      },
    ],
  },
  {
    name: 'lease-ignores-clock-rates',
    what: 'a lease lasts an election time by the own clock',
    seenIn: 'thesis §6.4.1; hashicorp/raft #108',
    onlyWith: 'stale leaders with leases',
    edits: [
      {
        file: 'core/src/lease.ts',
        find: '(electionMs * (1 - maxClockDrift)) / (1 + maxClockDrift) - leaseMarginMs;',
        replace: 'electionMs + 0 * maxClockDrift * leaseMarginMs;',
      },
    ],
  },
  {
    name: 'lease-from-the-answers',
    what: 'a lease is counted from when the answers came, not from when the heartbeats left',
    seenIn: 'jraft #34, openraft #1747',
    onlyWith: 'stale leaders with leases',
    edits: [
      {
        file: 'core/src/lease.ts',
        find: '  return raft.now < lease.sentAt(confirmed) + leaseMs;',
        replace:
          '  const heard = reachedByQuorum(configuration, (member) =>\n    member === options.id ? raft.now : (progress.get(member)?.lastContact ?? Number.NEGATIVE_INFINITY),\n  );\n  return confirmed > 0 && raft.now < heard + leaseMs;',
      },
    ],
  },
  {
    name: 'lease-forgotten-on-restart',
    what: 'a member that comes back votes within the lease that it has promised',
    seenIn: 'braft #365',
    onlyWith: 'stale leaders with leases',
    edits: [
      {
        file: 'core/src/node.ts',
        find: 'lastLeaderContact: configurations.latest.leaseReads ? now : Number.NEGATIVE_INFINITY,',
        replace: 'lastLeaderContact: Number.NEGATIVE_INFINITY,',
      },
    ],
  },
  {
    name: 'votes-within-a-lease',
    what: 'a member that hears a leader helps to replace it',
    seenIn: 'braft #366; thesis §4.2.3',
    onlyWith: 'stale leaders with leases',
    edits: [
      {
        file: 'core/src/election.ts',
        find: 'return isRecent && (raft.leader !== null || raft.configuration.leaseReads);',
        replace: 'return isRecent && raft.leader === raft.options.id;',
      },
    ],
  },
  {
    name: 'lease-over-a-transfer',
    what: 'a leader that has asked another one to stand keeps its lease',
    seenIn: 'etcd-io/raft #99',
    onlyWith: 'leases',
    edits: [
      {
        file: 'core/src/lease.ts',
        find: 'if (!configuration.leaseReads || lease.isGivenUp || raft.transfer !== null) return false;',
        replace: 'if (!configuration.leaseReads) return false;',
      },
    ],
  },
  {
    name: 'broken-link-ends-a-promise',
    what: 'a closed connection frees a member from the lease that it has promised',
    seenIn: 'the hint that a link closed, with leases on',
    onlyWith: 'leases',
    edits: [
      {
        file: 'core/src/election.ts',
        find: 'raft.leader !== member || raft.configuration.leaseReads) return;',
        replace: 'raft.leader !== member) return;',
      },
    ],
  },
];
