import type { Bug } from '../bug.ts';

/** Above consensus: in members, in the replicated state and in the SDK. Found by runs of whole members with applications. */
const planted: readonly Bug[] = [
  {
    name: 'repeated-command-applied-again',
    what: 'a command that comes again under its session is applied again',
    seenIn: 'Raft dissertation §6.3',
    edits: [
      {
        file: 'state-machine/src/sessions/exactly-once.ts',
        find: '  if (remembered !== undefined) {\n    return recall(remembered.answer, session.requests',
        replace:
          '  if (remembered !== undefined && sequence < 0) {\n    return recall(remembered.answer, session.requests',
      },
    ],
  },
  {
    name: 'answers-lost-with-the-process',
    what: 'a state that is loaded has forgotten which commands it has answered',
    seenIn: 'Raft dissertation §6.3: the table is part of the state',
    edits: [
      {
        file: 'member/src/boot.ts',
        find: '  return loader.finish();\n',
        replace:
          '  const machine = loader.finish();\n  (machine as never as { forgetAnswers(): void }).forgetAnswers();\n  return machine;\n',
      },
      {
        file: 'state-machine/src/state-machine.ts',
        find: '  membership(): Membership {\n',
        replace:
          '  forgetAnswers(): void {\n    this.#state.keyed.clear();\n    for (const lease of this.#state.leases.values()) if ("session" in lease) (lease as never as { session: { remembered: Map<number, unknown> } }).session.remembered.clear();\n  }\n\n  membership(): Membership {\n',
      },
    ],
  },
  {
    name: 'watch-skips-one',
    what: 'a watch that goes on over another connection begins one revision too far',
    seenIn: 'kubernetes, watches resumed behind a gap',
    edits: [
      {
        file: 'client/src/watch/watch-stream.ts',
        find: 'revision: this.#position + 1 };',
        replace: 'revision: this.#position + 2 };',
      },
    ],
  },
  {
    name: 'watch-repeats-one',
    what: 'a watch that goes on over another connection is given its last revision again, and passes it on',
    seenIn: 'etcd clientv3, watchers after a reconnect',
    edits: [
      {
        file: 'client/src/watch/watch-stream.ts',
        find: 'revision: this.#position + 1 };',
        replace: 'revision: this.#position };',
      },
      {
        file: 'client/src/watch/watch-stream.ts',
        find: 'revision.revision <= this.#position) return',
        replace: 'revision.revision < this.#position) return',
      },
    ],
  },
  {
    name: 'fence-counts-holders-of-a-name',
    what: 'fences are counted by the lock, and begin anew when nobody wants it for a moment',
    seenIn: 'ZooKeeper recipes, sequence of a parent that was deleted',
    edits: [
      {
        file: 'state-machine/src/locks/grant.ts',
        find: '  request.fence = draft.revision;\n',
        replace:
          '  const counted = request.lock as never as { grants?: number };\n  request.fence = counted.grants = (counted.grants ?? 0) + 1;\n',
      },
    ],
  },
  {
    name: 'no-grace-from-a-new-leader',
    what: 'a new leader gives sessions half of their time only, and does not know how much of it is over',
    seenIn: 'etcd, leases after a change of leader',
    edits: [
      {
        file: 'member/src/lease/lease-keeper.ts',
        find: 'this.#watch(lease, { generation, ttlMs }, now + (remainingMs ?? ttlMs));\n',
        replace: 'this.#watch(lease, { generation, ttlMs }, now + ttlMs / 2);\n',
      },
    ],
  },
  {
    name: 'read-before-applied',
    what: 'a linearizable read is answered from a state that has not reached the index that was confirmed',
    seenIn: 'Raft dissertation §6.4, step 4',
    edits: [
      {
        file: 'member/src/barrier.ts',
        find: '      if (index <= this.#applied) this.#confirm(group);\n',
        replace: '      if (index >= 0) this.#confirm(group);\n',
      },
    ],
  },
  {
    name: 'hold-outlives-its-session',
    what: 'the signal of a hold does not abort when the time of its session is up unconfirmed',
    seenIn: 'HBase, ZooKeeper clients that act on after a pause',
    edits: [
      {
        file: 'client/src/session/session-core.ts',
        find: "if (this.#liveness.isOver(nowMs)) return this.#expire('nothing was confirmed within its time');\n",
        replace: '',
      },
    ],
  },
  {
    name: 'local-reads-go-back',
    what: 'a client does not say what it has seen when it reads locally at another member',
    seenIn: 'ZooKeeper, zxid seen by the client; PACELC sessions',
    edits: [
      {
        file: 'client/src/client-core.ts',
        find: '        const minRevision = this.#revision;\n',
        replace: '        const minRevision = 0;\n',
      },
    ],
  },
  {
    name: 'no-delay-behind-a-broken-hold',
    what: 'the lock of a hold that an operator broke is granted at once, while its holder may not know',
    seenIn: 'Chubby §2.4, the lock-delay',
    edits: [
      {
        file: 'state-machine/src/locks/grant.ts',
        find: '  if (ending.delayMs > 0) {',
        replace: '  if (ending.delayMs > 60_000) {',
      },
    ],
  },
  {
    name: 'progress-to-who-is-behind',
    what: 'a watch that has not been sent everything is told that it is up to date',
    seenIn: 'etcd #15220, progress notifications of unsynced watchers',
    edits: [
      {
        file: 'member/src/watch/watch-hub.ts',
        find: "if (watch.phase !== 'live' || progressMs === null ||",
        replace: 'if (progressMs === null ||',
      },
    ],
  },
  {
    name: 'slow-watchers-lose-events',
    what: 'events are dropped for a watch that cannot take them at the moment',
    seenIn: 'etcd, slow watchers and victims',
    edits: [
      {
        file: 'member/src/watch/watch-hub.ts',
        find: '        this.#fallBehindAt(watch, delivery.revision);\n        continue;\n',
        replace: '        continue;\n',
      },
    ],
  },
];

export const wholeBugs: readonly Bug[] = planted.map((bug) => ({ ...bug, level: 'whole members' }));
