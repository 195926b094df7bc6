import type { Bug } from '../bug.ts';

/** Replication, repair and what counts as committed. */
export const logBugs: readonly Bug[] = [
  {
    name: 'earlier-term-committed-by-counting',
    what: 'an entry of an earlier term counts as committed once a majority holds it',
    seenIn: 'Raft figure 8; logcabin #44',
    onlyWith: 'hunted leaders',
    edits: [
      {
        file: 'core/src/replication.ts',
        find: 'if (reached > log.committed && log.termAt(reached) === raft.term)',
        replace: 'if (reached > log.committed)',
      },
    ],
  },
  {
    name: 'commit-to-own-end',
    what: 'a follower commits entries behind what the append has compared',
    seenIn: 'cockroachdb #122100',
    onlyWith: 'hunted leaders',
    edits: [
      {
        file: 'core/src/follower.ts',
        find: 'log.commitTo(Math.min(message.commit, match) as Index);',
        replace: 'log.commitTo(Math.min(message.commit, log.lastIndex) as Index);',
      },
    ],
  },
  {
    name: 'heartbeat-commits-unverified',
    what: 'heartbeats name the commit index to followers whose log may differ',
    seenIn: 'cockroachdb #122100',
    edits: [
      {
        file: 'core/src/leader.ts',
        find: 'const commit = Math.min(raft.log.committed, progress.match) as Index;',
        replace: 'const commit = raft.log.committed;',
      },
      {
        file: 'core/src/node.ts',
        find: 'return handleHeartbeat(raft, message);',
        replace:
          'return handleHeartbeat(raft, { ...message, commit: Math.min(message.commit, raft.log.lastIndex) as typeof message.commit });',
      },
    ],
  },
  {
    name: 'acknowledges-own-end',
    what: 'a follower acknowledges its whole log, not only what the append has compared',
    seenIn: 'CCF #5674, #6016',
    edits: [
      {
        file: 'core/src/follower.ts',
        find: '  accept(raft, message, match);',
        replace: '  accept(raft, message, log.lastIndex);',
      },
    ],
  },
  {
    name: 'truncates-unconditionally',
    what: 'an append cuts the log where it begins, whether it conflicts or not',
    seenIn: 'async-raft 9540c904, skiff',
    edits: [
      {
        file: 'core/src/follower.ts',
        find: 'const first = raft.log.firstNew(entries);',
        replace: 'const first = entries.find(({ index }) => index > raft.log.committed) ?? null;',
      },
    ],
  },
  {
    name: 'consistency-check-without-term',
    what: 'an append is taken where its predecessor exists, whatever its term',
    seenIn: 'Raft §5.3',
    edits: [
      {
        file: 'core/src/follower.ts',
        find: 'if (message.prevIndex >= log.committed && !log.matches(previous)) {',
        replace: 'if (message.prevIndex >= log.committed && log.termAt(previous.index) === null) {',
      },
    ],
  },
  {
    name: 'half-is-a-majority',
    what: 'two of four are taken for a majority',
    seenIn: 'the classic n / 2',
    edits: [
      {
        file: 'core/src/quorum.ts',
        find: 'return Math.floor(size / 2) + 1;',
        replace: 'return Math.ceil(size / 2);',
      },
    ],
  },
  {
    name: 'largest-instead-of-quorum',
    what: 'what one member has reached counts as reached by a majority',
    seenIn: 'openraft #1802: committed without a quorum',
    edits: [
      {
        file: 'core/src/quorum.ts',
        find: 'descending[majorityOf(members.length) - 1]',
        replace: 'descending[0]',
      },
    ],
  },
  {
    name: 'progress-of-an-earlier-term',
    what: 'a new leader goes on from what it knew of the others when it led before',
    seenIn: 'openraft #1500, jraft',
    edits: [{ file: 'core/src/raft.ts', find: '  raft.progress.clear();\n', replace: '' }],
  },
  {
    name: 'probe-not-repeated',
    what: 'a probe that was lost is never sent again',
    seenIn: 'etcd, paused probes',
    edits: [
      {
        file: 'core/src/leader.ts',
        find: "if (progress.state === 'probe' && progress.next <= raft.log.lastIndex) progress.probeSent = false;",
        replace: "if (progress.state === 'probe' && progress.next <= raft.log.lastIndex) return;",
      },
    ],
  },
];
