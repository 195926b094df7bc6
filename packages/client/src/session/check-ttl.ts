import { limits } from '@conclave/protocol';
import { ConclaveError } from '../error.ts';

export function checkTtl(ttlMs: number): void {
  if (Number.isInteger(ttlMs) && ttlMs >= limits.minTtlMs && ttlMs <= limits.maxTtlMs) return;
  throw new ConclaveError('INVALID_ARGUMENT', `ttlMs: ${ttlMs}, it must be ${limits.minTtlMs} to ${limits.maxTtlMs}`);
}
