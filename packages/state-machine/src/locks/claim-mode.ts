import type { LockClaim } from '@conclave/protocol';

type Mode = LockClaim['mode'];

/** On disk: never renumbered. */
export const modeNumbers: Readonly<Record<Mode, number>> = { exclusive: 0, shared: 1, permits: 2 };

/** On disk, in the place of the mode: it shares the lock, and waits to have it alone. */
export const upgradingNumber = 3;

export function modeOfNumber(number: number): Mode | undefined {
  return (['exclusive', 'shared', 'permits'] as const).find((mode) => modeNumbers[mode] === number);
}
