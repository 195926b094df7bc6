import { type Client, ConclaveError } from '@conclave/client';
import type { Keys } from '../keys.ts';
import type { Ledger } from '../ledger.ts';
import type { LoadSettings } from '../options.ts';

/** What all workers of one run share. */
export interface Run {
  readonly settings: LoadSettings;
  readonly keys: Keys;
  readonly ledger: Ledger;
}

/** One loop, with one operation under way. */
export interface Worker {
  readonly index: number;
  readonly client: Client;
  /** What it writes next. Its own, and so never changed while it is on its way. */
  readonly value: Uint8Array;
}

export interface Workload {
  /** Keys must be there before it can be measured. */
  readonly needsKeys: boolean;
  readonly writes: boolean;
  /** One operation. Resolves when it was acknowledged. */
  operate(worker: Worker): Promise<void>;
}

/** A key that a read found absent although it was written before: the code under which the report counts it. */
export const absentCode = 'ABSENT';

export class AbsentError extends Error {
  override readonly name = 'AbsentError';
}

/** A write of one of the worker's own keys, on record before it leaves. `send` resolves with whether the write took effect. */
export async function recorded(
  { keys, ledger, settings }: Run,
  { index, value }: Worker,
  send: (name: string, key: number) => Promise<boolean>,
): Promise<void> {
  const key = keys.randomOf(index, settings.outstanding);
  const sequence = ledger.begin(key, value);
  let applied: boolean;
  try {
    applied = await send(keys.name(key), key);
  } catch (error) {
    if (!isCertain(error)) ledger.doubted(key, sequence);
    throw error;
  }
  if (applied) ledger.acknowledged(key, sequence);
}

/** What failed has certainly changed nothing. */
export function isCertain(error: unknown): boolean {
  return ConclaveError.is(error) && error.outcome === 'not-applied';
}
