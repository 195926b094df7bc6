import type { Bug } from '../bug.ts';

/** Changes of who votes. */
export const membershipBugs: readonly Bug[] = [
  {
    name: 'learners-count',
    what: 'learners count when it is decided what is committed',
    seenIn: 'thesis §4.2.1; redpanda #8495',
    edits: [
      {
        file: 'core/src/quorum.ts',
        find: 'reachedByMajority(configuration.voters, valueOf),',
        replace: 'reachedByMajority([...configuration.voters, ...configuration.learners], valueOf),',
      },
    ],
  },
  {
    name: 'outgoing-half-not-asked-to-commit',
    what: 'in a joint configuration the new half alone commits',
    seenIn: 'Raft §6',
    edits: [
      {
        file: 'core/src/quorum.ts',
        find: '    reachedByMajority(configuration.votersOutgoing, valueOf),\n',
        replace: '',
      },
    ],
  },
  {
    name: 'outgoing-half-not-asked-to-elect',
    what: 'in a joint configuration the new half alone elects',
    seenIn: 'Raft §6',
    edits: [
      {
        file: 'core/src/quorum.ts',
        find: 'const outgoing = tallyMajority(configuration.votersOutgoing, votes);',
        replace: 'const outgoing = tallyMajority([], votes);',
      },
    ],
  },
  {
    name: 'no-joint-configuration',
    what: 'several voters change in one step',
    seenIn: 'Raft §6; etcd-io/raft #80, #81',
    edits: [
      {
        file: 'core/src/configuration-change.ts',
        find: 'return { voters, votersOutgoing: configuration.voters, learners, learnersNext: sorted(demote), leaseReads };',
        replace:
          'return { voters, votersOutgoing: [], learners: sorted([...learners, ...demote]), learnersNext: [], leaseReads };',
      },
    ],
  },
  {
    name: 'joint-left-early',
    what: 'the joint configuration is left before it is committed',
    seenIn: 'Raft §6',
    edits: [
      {
        file: 'core/src/membership.ts',
        find: "if (raft.role !== 'leader' || !isJoint(configuration) || configurations.latestIndex > log.committed) return;",
        replace: "if (raft.role !== 'leader' || !isJoint(configuration)) return;",
      },
    ],
  },
  {
    name: 'joint-left-by-its-author-only',
    what: 'a leader that finds a joint configuration in its log never leaves it',
    seenIn: 'raft-rs, automatic leaving',
    edits: [
      {
        file: 'core/src/membership.ts',
        find: 'if (log.termAt(log.committed) === raft.term) appendConfiguration(',
        replace: 'if (configurations.latestIndex >= raft.termStart) appendConfiguration(',
      },
    ],
  },
  {
    name: 'second-change-early',
    what: 'a change is accepted while the last one is not committed',
    seenIn: 'Raft §6; etcd #12359',
    edits: [
      {
        file: 'core/src/membership.ts',
        find: 'const isPending = isJoint(configuration) || configurations.latestIndex > log.committed;',
        replace: 'const isPending = isJoint(configuration);',
      },
    ],
  },
  {
    name: 'in-force-on-commit',
    what: 'a configuration is in force when it is committed, not when it is appended',
    seenIn: 'etcd #7280, #11284, #12359',
    edits: [
      {
        file: 'core/src/node.ts',
        find: 'return configurations.latest;',
        replace: 'return configurations.at(this.log.committed);',
      },
    ],
  },
  {
    name: 'cut-keeps-the-configuration',
    what: 'a configuration whose entry was cut from the log stays in force',
    seenIn: 'Raft §6',
    edits: [
      {
        file: 'core/src/follower.ts',
        find: '    raft.configurations.truncatedFrom(first.index);\n',
        replace: '',
      },
      {
        file: 'core/src/configuration-history.ts',
        find: '    assert(entry.index > this.latestIndex, `a configuration at ${entry.index}, behind one at ${this.latestIndex}`);\n',
        replace: '',
      },
    ],
  },
  {
    name: 'steps-down-early',
    what: 'a leader that is left out stops before the configuration without it is committed',
    seenIn: 'cockroachdb #105578',
    edits: [
      {
        file: 'core/src/membership.ts',
        find: 'const isSettled = !isJoint(configuration) && configurations.latestIndex <= log.committed;',
        replace: 'const isSettled = configurations.latestIndex >= 0 && log.lastIndex >= 0;',
      },
      {
        file: 'core/src/membership.ts',
        find: 'if (isSettled && !isVoter(configuration, options.id)) resign(raft);',
        replace: 'if (isSettled && !configuration.voters.includes(options.id)) resign(raft);',
      },
    ],
  },
];
