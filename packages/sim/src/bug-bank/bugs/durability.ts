import type { Bug } from '../bug.ts';

/** What is said, counted or applied before the disk has it. */
export const durabilityBugs: readonly Bug[] = [
  {
    name: 'ack-before-persist',
    what: 'an acknowledgement of entries leaves before they are on disk',
    seenIn: 'tikv #994',
    edits: [
      {
        file: 'core/src/raft.ts',
        find: 'if (raft.durability.admit(message))',
        replace: "if (message.type === 'appendAccepted' || raft.durability.admit(message))",
      },
    ],
  },
  {
    name: 'vote-before-persist',
    what: 'a vote for somebody else leaves before it is on disk',
    seenIn: 'Raft §5.1, figure 2',
    edits: [
      {
        file: 'core/src/raft.ts',
        find: 'if (raft.durability.admit(message))',
        replace:
          "if ((message.type === 'voteResponse' && message.to !== raft.options.id) || raft.durability.admit(message))",
      },
    ],
  },
  {
    name: 'vote-request-before-persist',
    what: 'a request for votes leaves before the term and the log that it names are on disk',
    seenIn: 'etcd, asynchronous storage writes',
    edits: [
      {
        file: 'core/src/raft.ts',
        find: 'if (raft.durability.admit(message))',
        replace: "if (message.type === 'vote' || raft.durability.admit(message))",
      },
    ],
  },
  {
    name: 'vote-not-written',
    what: 'a granted vote stays in memory',
    seenIn: 'hashicorp/raft, vote and candidate in two writes',
    edits: [
      {
        file: 'core/src/election.ts',
        find: '    raft.vote = message.from;\n    raft.durability.stageHardState();',
        replace: '    raft.vote = message.from;',
      },
    ],
  },
  {
    name: 'term-not-written',
    what: 'a term heard of from others stays in memory',
    seenIn: 'Raft §5.1, figure 2',
    edits: [
      {
        file: 'core/src/raft.ts',
        find: '    raft.vote = null;\n    raft.durability.stageHardState();',
        replace: '    raft.vote = null;',
      },
    ],
  },
  {
    name: 'vote-forgotten-on-restart',
    what: 'a member starts without the vote that its disk holds',
    seenIn: 'Raft §5.1, figure 2',
    onlyWith: 'hunted leaders',
    edits: [{ file: 'core/src/node.ts', find: 'vote: boot.hardState.vote,', replace: 'vote: null,' }],
  },
  {
    name: 'aba-completion',
    what: 'a write that completes vouches for entries that were replaced after it began',
    seenIn: 'etcd, async storage ABA race; openraft #1960',
    edits: [
      {
        file: 'core/src/durability.ts',
        find: '    this.#vouchOnlyTo((index - 1) as Index);',
        replace: '    if (this.#durableIndex >= index) this.#durableIndex = (index - 1) as Index;',
      },
    ],
  },
  {
    name: 'any-completion-releases-all',
    what: 'one completed write releases promises that wait for later ones',
    seenIn: 'openraft, out-of-order I/O completions',
    edits: [
      {
        file: 'core/src/durability.ts',
        find: 'const released = this.#held.filter(({ after }) => after <= sequence).map(({ message }) => message);',
        replace: 'const released = this.#held.map(({ message }) => message);',
      },
      {
        file: 'core/src/durability.ts',
        find: 'this.#held = this.#held.filter(({ after }) => after > sequence);',
        replace: 'this.#held = [];',
      },
    ],
  },
  {
    name: 'applied-before-own-disk',
    what: 'a member applies what others have committed and its own disk does not hold yet',
    seenIn: 'etcd #14370, cockroachdb #88699',
    edits: [
      {
        file: 'core/src/node.ts',
        find: 'raft.log.takeCommitted(raft.durability.durableIndex)',
        replace: 'raft.log.takeCommitted(raft.log.lastIndex)',
      },
    ],
  },
  {
    name: 'own-disk-not-waited-for',
    what: 'a leader counts itself for entries that its own disk does not hold yet',
    seenIn: 'openraft #1125',
    edits: [
      {
        file: 'core/src/replication.ts',
        find: 'member === options.id ? durability.durableIndex : ',
        replace: 'member === options.id ? log.lastIndex : ',
      },
    ],
  },
];
