import type { Member } from '@conclave/member';

/**
 * Hands leadership to another member, if this one leads. Never rejects, and takes `withinMs` at most: with nobody to hand it to, or nobody who
 * takes it, the others elect somebody when this one is gone.
 */
export async function handOver(member: Pick<Member, 'raft' | 'transferLeader'>, withinMs: number): Promise<void> {
  if (member.raft.role !== 'leader') return;
  let timer: NodeJS.Timeout | undefined;
  const enough = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, withinMs);
  });
  await Promise.race([member.transferLeader(null).catch(() => undefined), enough]);
  clearTimeout(timer);
}
