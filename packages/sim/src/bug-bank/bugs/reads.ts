import type { Bug } from '../bug.ts';

/** Reads without a log entry, and leases. */
export const readBugs: readonly Bug[] = [
  {
    name: 'reads-without-asking',
    what: 'a leader answers reads without finding out whether it still leads',
    seenIn: 'Jepsen on etcd and consul, 2014',
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
    name: 'read-joins-a-request-under-way',
    what: 'a read is answered by an index that was asked for before it began',
    seenIn: 'etcd #20418',
    onlyWith: 'busy clients',
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
];
