import type { Bug } from '../bug.ts';

/** Votes, terms, and leaders that should not be. */
export const electionBugs: readonly Bug[] = [
  {
    name: 'two-votes-in-a-term',
    what: 'a member votes for whoever asks, several times in a term',
    seenIn: 'liferaft: an await between check and set',
    edits: [
      {
        file: 'core/src/election.ts',
        find: 'const free = raft.vote === null ? mayVote : raft.vote === message.from;',
        replace: "const free = raft.role !== 'leader' && raft.leader === null;",
      },
    ],
  },
  {
    name: 'up-to-date-by-term',
    what: 'the later last term wins, whatever the length',
    seenIn: 'Raft §5.4.1',
    edits: [
      {
        file: 'core/src/log.ts',
        find: 'return other.term > this.lastTerm || (other.term === this.lastTerm && other.index >= this.lastIndex);',
        replace: 'return other.term >= this.lastTerm;',
      },
    ],
  },
  {
    name: 'no-check-quorum',
    what: 'a leader that hears no majority goes on leading',
    seenIn: 'openraft #2080; Cloudflare, November 2020',
    edits: [
      {
        file: 'core/src/leader.ts',
        find: 'if (raft.now - lastContact > raft.options.electionMs) {',
        replace: 'if (raft.now - lastContact === Number.POSITIVE_INFINITY) {',
      },
    ],
  },
  {
    name: 'pre-vote-raises-term',
    what: 'asking for a pre-vote changes the terms of those who are asked',
    seenIn: 'etcd #8243, hashicorp/raft #609',
    edits: [
      {
        file: 'core/src/election.ts',
        find: '  if (isBound(raft) && !message.transfer) return;\n  const isWilling',
        replace:
          "  if (message.campaignTerm > raft.term && raft.role !== 'leader') follow(raft, message.campaignTerm, null);\n  const isWilling",
      },
    ],
  },
];
