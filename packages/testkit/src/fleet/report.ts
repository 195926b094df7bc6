import type { FleetOptions, FleetReport } from './run.ts';

/** The line that makes the same plan again. */
export function fleetCommand({ seconds, seed, workers }: FleetOptions): string {
  return `npm run fleet -- --seconds ${seconds} --seed ${seed} --workers ${workers}`;
}

export function fleetText(report: FleetReport): string {
  const { failures, handOvers, late, maxHandOverMs, refusedUses, strikes, terms, uses } = report;
  const took = handOvers.map(({ tookMs }) => tookMs).toSorted((a, b) => a - b);
  const [middle = Number.NaN, longest = Number.NaN] = [took[took.length >> 1], took.at(-1)];
  return [
    ...strikes.map(([what, occurred]) => `${what.padEnd(28)} ${occurred}`),
    '',
    `${terms} terms observed; ${uses} uses of the resource, of which its fence refused ${refusedUses}`,
    `${handOvers.length} hand-overs, half of them within ${Math.round(middle)} ms, the longest ${Math.round(longest)} ms, each may take ${maxHandOverMs} ms, and more where leases began anew: ${late.length} too late`,
    ...late.map(
      ({ blow, mayTakeMs, tookMs }) =>
        `LATE ${Math.round(tookMs)} ms of ${mayTakeMs} after ${blow.strike}${blow.withMember ? ', with member' : ''}`,
    ),
    ...failures.map((failure) => `FAILED ${failure}`),
    failures.length === 0 ? 'at no index two leaders: nothing wrong' : `${failures.length} failures`,
  ].join('\n');
}
