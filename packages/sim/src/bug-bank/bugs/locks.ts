import type { Bug } from '../bug.ts';

/** Of sessions, locks and elections. Found by runs of whole members. */
const planted: readonly Bug[] = [
  {
    name: 'old-connection-in-the-log',
    what: 'what comes over a connection that its session has left is applied like anything else',
    seenIn: 'ZooKeeper, session moved (ZOOKEEPER-710)',
    edits: [
      {
        file: 'state-machine/src/sessions/exactly-once.ts',
        find: '  if (epoch >= session.epoch) return;\n',
        replace: '  if (epoch >= 0) return;\n',
      },
    ],
  },
  {
    name: 'old-connection-at-the-door',
    what: 'a member takes requests of a session over any connection, under whatever epoch they name',
    seenIn: 'ZooKeeper, session moved (ZOOKEEPER-710)',
    edits: [
      {
        file: 'member/src/client/connection.ts',
        find: '    if (present === epoch) return;\n',
        replace: '    if (present === epoch || epoch >= 0) return;\n',
      },
    ],
  },
  {
    name: 'old-connection-keeps-alive',
    what: 'a session is renewed over a connection that it has left',
    seenIn: 'ZooKeeper, pings of a client that was moved',
    edits: [
      {
        file: 'member/src/client/connection.ts',
        find: 'leases.filter((lease) => this.#services.claims.isElsewhere(lease, this))',
        replace: 'leases.filter(() => false)',
      },
    ],
  },
  {
    name: 'release-by-name',
    what: 'a release whose hold is gone ends what its session holds now',
    seenIn: 'etcd #22082, unlock deleting a newer lock',
    edits: [
      {
        file: 'state-machine/src/locks/lock-operations.ts',
        find: '  const hold = session.requests.get(operation.sequence);\n  if (hold === undefined || hold.isWaiting || hold.fence !== operation.fence) return',
        replace:
          '  const hold = session.requests.get(operation.sequence) ?? [...session.requests.values()].find((one) => !one.isWaiting);\n  if (hold === undefined || hold.isWaiting) return',
      },
    ],
  },
  {
    name: 'cancel-leaves-the-grant',
    what: 'a wait that is taken back when it has just been granted leaves the grant behind',
    seenIn: 'Consul, ZooKeeper recipes: a cancelled acquire that holds',
    edits: [
      {
        file: 'state-machine/src/locks/lock-operations.ts',
        find: "    endHold(state, draft, request, { end: 'released', cause: 'release', delayMs: 0, heir: null });\n    notifyReleased(draft, request);\n    return { type: 'lockCancel', revision: draft.reached, was: 'held' };",
        replace: "    return { type: 'lockCancel', revision: draft.reached, was: 'held' };",
      },
    ],
  },
  {
    name: 'cancel-before-its-acquire',
    what: 'a wait is taken back before it arrives, and then it waits and is granted to nobody',
    seenIn: 'etcd clientv3 concurrency, a key left behind by a cancelled lock',
    edits: [
      {
        file: 'state-machine/src/locks/lock-operations.ts',
        find: '      remember(state, lease, sequence);\n    }\n    return',
        replace: '      if (sequence < 0) remember(state, lease, sequence);\n    }\n    return',
      },
    ],
  },
  {
    name: 'granted-to-the-dead',
    what: 'a session that ends stays in the queues, and is granted when its turn comes',
    seenIn: 'etcd #11456, granted after waiting, to a lease long gone',
    edits: [
      {
        file: 'state-machine/src/leases/lease-end.ts',
        find: '  for (const request of waiting) leaveQueue(state, request);\n',
        replace: '  if (waiting.length > 100) for (const request of waiting) leaveQueue(state, request);\n',
      },
      {
        file: 'state-machine/src/locks/grant.ts',
        find: "  invariant(state.leases.get(session.id) === session, 'granted to a session that has ended');\n",
        replace: '',
      },
    ],
  },
  {
    name: 'readers-overtake-a-writer',
    what: 'whoever shares a lock is let in past a writer who waits for it',
    seenIn: 'Curator, InterProcessReadWriteLock; the textbook',
    edits: [
      {
        file: 'state-machine/src/locks/grant.ts',
        find: 'claims.every((claim) => claim.lock.queue.size === 0 && fits(claim))',
        replace: "claims.every((claim) => (claim.lock.queue.size === 0 || claim.mode === 'shared') && fits(claim))",
      },
    ],
  },
  {
    name: 'reader-beside-a-writer',
    what: 'a reader is let in beside a writer who holds',
    seenIn: 'the textbook',
    edits: [
      {
        file: 'state-machine/src/locks/lock.ts',
        find: "      return !lock.isExclusive;\n    case 'permits':",
        replace: "      return lock.holders.size < 2;\n    case 'permits':",
      },
    ],
  },
  {
    name: 'waiters-behind-one-who-left-forgotten',
    what: 'whoever stood behind a wait that was taken back is not looked at, though there is room for him now',
    seenIn: 'ZooKeeper recipes, a watch on a predecessor that left',
    edits: [
      {
        file: 'state-machine/src/locks/lock-operations.ts',
        find: '  // Whoever stood behind it may fit where it did not.\n  grantWaiting(state, draft, locksOf(request));\n',
        replace: '',
      },
    ],
  },
  {
    name: 'deadlines-of-an-earlier-office',
    what: 'a leader that led before goes on with the deadlines of that time',
    seenIn: 'etcd #15247, an old leader that revokes everything',
    edits: [
      {
        file: 'member/src/lease/lease-keeper.ts',
        find: '    this.#leases.clear();\n    this.#deadlines.clear();\n',
        replace: '',
      },
      {
        file: 'member/src/lease/lease-keeper.ts',
        find: '      this.#watch(lease, { generation, ttlMs }, now + (remainingMs ?? ttlMs));\n',
        replace:
          '      if (!this.#leases.has(lease)) this.#watch(lease, { generation, ttlMs }, now + (remainingMs ?? ttlMs));\n',
      },
    ],
  },
  {
    name: 'answers-evicted-early',
    what: 'a session remembers its last two answers, whatever its client has acknowledged',
    seenIn: 'Raft dissertation §6.3, sessions of bounded size',
    edits: [
      {
        file: 'state-machine/src/sessions/exactly-once.ts',
        find: '  session.remembered.set(sequence, remembered);\n',
        replace:
          '  session.remembered.set(sequence, remembered);\n  for (const [old, { answer }] of session.remembered) {\n    if (session.remembered.size <= 2) break;\n    if (answer.form !== "request") forget(state, lease, old);\n  }\n',
      },
    ],
  },
  {
    name: 'fence-from-the-keys',
    what: 'a state that is loaded takes the revision of its newest key for its own, and grants under fences that were given before',
    seenIn: 'etcd, a revision that goes back after a restore (#16028)',
    edits: [
      {
        file: 'state-machine/src/checkpoint/load.ts',
        find: '    return new StateMachine({ values: this.#options.values }, { state, applied });\n',
        replace:
          '    state.counters.revision = state.counters.lastChange;\n    return new StateMachine({ values: this.#options.values }, { state, applied });\n',
      },
    ],
  },
  {
    name: 'answered-by-index-alone',
    what: 'a client is answered by whatever entry came to stand where its own was to stand',
    seenIn: 'etcd, applied waiters; Raft §8',
    edits: [
      { file: 'member/src/mutations.ts', find: '      this.#loseOlderThan(entry);\n', replace: '' },
      {
        file: 'member/src/mutations.ts',
        find: '      if (term === entry.term) {\n',
        replace: '      if (term <= entry.term && response !== null) {\n',
      },
    ],
  },
  {
    name: 'renewed-without-a-quorum',
    what: 'a leader renews leases without finding out whether it still leads',
    seenIn: 'etcd #15247',
    onlyWith: 'severed leaders',
    patience: 8,
    edits: [
      {
        file: 'member/src/lease/lease-keeper.ts',
        find: '    this.#barrier.wait((confirmed) => (confirmed ? settle() : done(null)));\n',
        replace: '    settle();\n',
      },
    ],
  },
  {
    name: 'session-time-from-the-answer',
    what: 'a client counts the time of its session from the answer, not from when it asked',
    seenIn: 'Chubby §2.8; etcd clientv3 keepalives',
    // Writes confirm sessions, too: an answer to a keepalive must be late for a session that does little else.
    patience: 4,
    edits: [
      {
        file: 'client/src/session/session-core.ts',
        find: '  confirmed(sentMs: number): void {\n    this.#liveness.confirm(sentMs);\n',
        replace: '  confirmed(_sentMs: number): void {\n    this.#liveness.confirm(this.#environment.clock.nowMs());\n',
      },
    ],
  },
];

export const lockBugs: readonly Bug[] = planted.map((bug) => ({ ...bug, level: 'whole members' }));
