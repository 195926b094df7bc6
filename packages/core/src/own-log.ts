import { fail } from './assertion.ts';
import { membersOf } from './configuration.ts';
import { Progress } from './progress.ts';
import type { Raft } from './raft.ts';
import { EntryKind, type Index } from './types.ts';

/** The leader appends to its own log; `replicate` sends it to the others. */
export function appendOwn(raft: Raft, kind: EntryKind, data: Uint8Array): Index {
  if (raft.role !== 'leader') fail(`a ${raft.role} appended to its own log`);
  const entry = { index: (raft.log.lastIndex + 1) as Index, term: raft.term, kind, data };
  raft.log.append(entry);
  raft.durability.stageEntries(entry.index);
  if (kind === EntryKind.Configuration) {
    raft.configurations.appended(entry);
    // From this entry on, so that there is something to find out with where the log of a new member ends.
    trackMembers(raft, entry.index);
  }
  return entry.index;
}

/**
 * Every member of the configuration is sent the log. One that has left it still gets it until it knows, or for a while: a member
 * that does not know asks for votes for ever.
 */
export function trackMembers(raft: Raft, next: Index): void {
  const members = new Set(membersOf(raft.configuration));
  for (const member of members) {
    if (member === raft.options.id) continue;
    const known = raft.progress.get(member);
    if (known === undefined || known.leaving !== null) raft.progress.set(member, new Progress(next, raft.now));
  }
  for (const [member, progress] of raft.progress) {
    if (!members.has(member)) progress.leaving ??= { index: raft.configurations.latestIndex, since: raft.now };
  }
}
