import type { Bug } from '../bug.ts';

/** Snapshots, and the log in front of the checkpoint. */
export const snapshotBugs: readonly Bug[] = [
  {
    name: 'snapshot-acknowledged-early',
    what: 'a snapshot is acknowledged before it is durable',
    seenIn: 'Raft §7',
    edits: [
      {
        file: 'core/src/snapshot.ts',
        find: "  promise(raft, { type: 'appendAccepted', from: options.id, to, term, match: index, audience });",
        replace:
          "  raft.outbox.messages.push({ type: 'appendAccepted', from: options.id, to, term, match: index, audience });",
      },
    ],
  },
  {
    name: 'snapshot-keeps-the-configuration',
    what: 'after a snapshot the member goes by the configuration that it had before',
    seenIn: 'openraft #1808, etcd #13741, canonical/raft #323',
    edits: [
      {
        file: 'core/src/snapshot.ts',
        find: 'raft.configurations.replaced(index, snapshot.configuration);',
        replace: 'raft.configurations.replaced(index, raft.configuration);',
      },
    ],
  },
  {
    name: 'log-cut-beyond-checkpoint',
    what: 'the log is cut behind what is applied, of which the checkpoint holds a part',
    seenIn: 'braft #461, camunda #3573, logcabin #174',
    edits: [
      {
        file: 'core/src/compaction.ts',
        find: 'const target = neededByPeers(raft, tail, spareBytes);',
        replace: 'const target = Math.max(log.applied, neededByPeers(raft, tail, spareBytes)) as Index;',
      },
    ],
  },
  {
    name: 'no-snapshot-sent',
    what: 'a member that needs what has left the log gets nothing',
    seenIn: 'openraft #1828',
    edits: [
      {
        file: 'core/src/replication.ts',
        find: 'else if (needsSnapshot(raft, progress)) sendSnapshot(raft, member, progress);',
        replace: 'else if (needsSnapshot(raft, progress) && progress.next < 0) sendSnapshot(raft, member, progress);',
      },
    ],
  },
];
