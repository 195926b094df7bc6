import type { LockClaim, LockName } from '@conclave/protocol';

export function claimOf({ claims }: { readonly claims: readonly LockClaim[] }, name: LockName): LockClaim | null {
  return claims.find((claim) => sameLock(claim.name, name)) ?? null;
}

export function sameLock(a: LockName, b: LockName): boolean {
  return nameText(a) === nameText(b);
}

export function nameText({ kind, name }: LockName): string {
  return `${kind} ${name.join()}`;
}
