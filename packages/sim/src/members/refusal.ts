import type { MemberId } from '@conclave/core';
import { Violation } from '../violation.ts';

/** By name: the classes are those of packages that bring a real disk along. */
const refusals: ReadonlySet<string> = new Set(['DamagedStateError', 'StorageError']);

/** A disk never loses what it took, so no member has a reason to refuse its own. Anything else is a mistake in the program. */
export function refusalOf(error: unknown, member: MemberId): unknown {
  const isRefusal = error instanceof Error && refusals.has(error.name);
  return isRefusal ? new Violation('members start from their disks', `member ${member}: ${error.message}`) : error;
}

export function describeCauses(error: unknown): string {
  return error instanceof Error ? `${error.message} ${describeCauses(error.cause)}` : '';
}
