import type { MemberDescription } from '@conclave/protocol';

type Role = MemberDescription['role'];

/** On disk: never renumbered. */
export const roleNumbers: Readonly<Record<Role, number>> = { learner: 0, voter: 1, removed: 2 };

export function roleOfNumber(number: number): Role | undefined {
  return (['learner', 'voter', 'removed'] as const).find((role) => roleNumbers[role] === number);
}
