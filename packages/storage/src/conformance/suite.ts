// What every implementation of Storage must do. An implementation hands in a way to make one and says what it can be made to suffer.
import { afterEach, beforeEach, describe } from 'node:test';
import { Bench, type Implementation } from './bench.ts';
import { logClaims } from './log-claims.ts';
import { modelClaims } from './model-claims.ts';
import { snapshotClaims } from './snapshot-claims.ts';
import { stateClaims } from './state-claims.ts';
import { truncationClaims } from './truncation-claims.ts';

export function conformance(implementation: Implementation): void {
  describe(implementation.name, () => {
    let bench: Bench;
    beforeEach(async () => {
      bench = await Bench.start(implementation);
    });
    afterEach(async () => bench.stop());
    logClaims(implementation, () => bench);
    truncationClaims(() => bench);
    stateClaims(implementation, () => bench);
    snapshotClaims(implementation, () => bench);
  });
  describe(implementation.name, () => modelClaims(implementation));
}
