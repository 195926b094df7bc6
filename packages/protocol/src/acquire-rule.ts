// What the fields of an acquire, and of a change of mode, cannot say one by one.
import type { LockAcquire, LockClaim, LockConvert } from './operation.ts';
import type { Rule } from './schema/structure.ts';
import { SchemaViolation } from './schema/type.ts';

type Fields = Pick<LockAcquire, 'claims' | 'value' | 'keeping' | 'wait'>;

export const acquireRule: Rule<Fields> = {
  text:
    'there is a claim; no lock is claimed twice; permits are of a semaphore, at most its limit, and nothing else is; ' +
    'an election is claimed alone, exclusively and with a value, which nothing else has; ' +
    'no hold is kept twice, and none unless it waits',
  check: ({ claims, keeping, value, wait }) => {
    const [first] = claims;
    if (first === undefined) throw new SchemaViolation('nothing is claimed', false, 'claims');
    for (const claim of claims) checkClaim(claim);
    const campaigns = first.name.kind === 'election';
    if (claims.length > 1) checkTogether(claims);
    if (campaigns !== (value !== null)) {
      throw new SchemaViolation(campaigns ? 'a campaign needs one' : 'only an election publishes one', false, 'value');
    }
    checkKept(keeping, wait);
  },
};

export const convertRule: Rule<Pick<LockConvert, 'keeping' | 'mode' | 'sequence' | 'wait'>> = {
  text: 'only what becomes exclusive waits; no hold is kept twice, not the one that is converted, and none unless it waits',
  check: ({ keeping, mode, sequence, wait }) => {
    if (wait && mode === 'shared') throw new SchemaViolation('nobody waits to share what he has', false, 'wait');
    checkKept(keeping, wait);
    if (keeping.includes(sequence)) throw new SchemaViolation('the hold itself is kept anyway', false, 'keeping');
  },
};

function checkKept(keeping: readonly number[], wait: boolean): void {
  if (keeping.length === 0) return;
  if (!wait) throw new SchemaViolation('what does not wait keeps nothing meanwhile', false, 'keeping');
  if (new Set(keeping).size < keeping.length) throw new SchemaViolation('a hold stands twice', false, 'keeping');
}

function checkClaim(claim: LockClaim): void {
  const { kind } = claim.name;
  if ((kind === 'semaphore') !== (claim.mode === 'permits')) {
    throw new SchemaViolation(`a ${kind} is not claimed as ${claim.mode}`, false, 'claims');
  }
  if (kind === 'election' && claim.mode === 'shared') {
    throw new SchemaViolation('an election has one leader, it is not shared', false, 'claims');
  }
  if (claim.mode === 'permits' && claim.count > claim.limit) {
    throw new SchemaViolation(`${claim.count} permits of ${claim.limit}`, false, 'claims');
  }
}

function checkTogether(claims: readonly LockClaim[]): void {
  const seen = new Set<string>();
  for (const { name } of claims) {
    if (name.kind === 'election') throw new SchemaViolation('an election is claimed alone', false, 'claims');
    seen.add(`${name.kind} ${name.name.join()}`);
  }
  if (seen.size < claims.length) throw new SchemaViolation('a lock is claimed twice', false, 'claims');
}
