import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Space } from '@conclave/storage';
import type { Logger } from '../environment.ts';
import { SpaceWatch } from './space-watch.ts';

/** A disk that says what it is told to, and one look after the other. */
class Bench {
  space: Space | Error = { freeBytes: 1_000, low: false, reserveIntact: true };
  readonly said: string[] = [];
  restored = 0;
  readonly watch: SpaceWatch;
  #ring: (() => void) | null = null;
  #looked: () => void = () => {};

  constructor() {
    const say = (level: string) => (facts: Readonly<Record<string, unknown>>, message: string) =>
      void this.said.push(`${level} ${message} ${JSON.stringify(facts)}`);
    const log: Logger = { info: say('info'), warn: say('warn'), error: say('error') };
    const store = {
      space: async () => {
        if (this.space instanceof Error) throw this.space;
        return this.space;
      },
      restoreReserve: async () => {
        this.restored++;
        return true;
      },
    };
    const timers = {
      after: (_delayMs: number, run: () => void) => {
        this.#ring = run;
        this.#looked();
        return () => {
          this.#ring = null;
        };
      },
      soon: (run: () => void) => run(),
    };
    const failed = (error: Error): void => {
      throw error;
    };
    this.watch = new SpaceWatch(store, timers, log, { looked: () => {}, failed });
  }

  async look(): Promise<void> {
    const looked = new Promise<void>((resolve) => {
      this.#looked = resolve;
    });
    if (this.#ring === null) this.watch.start();
    else this.#ring();
    await looked;
  }
}

test('that the disk is low, and that it has room again, is said once each, with what is free', async () => {
  const bench = new Bench();
  await bench.look();
  assert.deepEqual(bench.said, []);
  bench.space = { freeBytes: 10, low: true, reserveIntact: true };
  await bench.look();
  await bench.look();
  assert.equal(bench.watch.isLow, true);
  bench.space = { freeBytes: 5_000, low: false, reserveIntact: true };
  await bench.look();
  await bench.look();
  assert.equal(bench.watch.isLow, false);
  assert.deepEqual(bench.said, [
    'error the disk is low: it has to be given room {"freeBytes":10}',
    'info the disk has room again {"freeBytes":5000}',
  ]);
});

test('the reserve is filled again when it is gone and the disk is not low', async () => {
  const bench = new Bench();
  bench.space = { freeBytes: 10, low: true, reserveIntact: false };
  await bench.look();
  assert.equal(bench.restored, 0);
  bench.space = { freeBytes: 5_000, low: false, reserveIntact: false };
  await bench.look();
  assert.equal(bench.restored, 1);
  bench.space = { freeBytes: 5_000, low: false, reserveIntact: true };
  await bench.look();
  assert.equal(bench.restored, 1);
});

test('a disk that does not say how much is free is told of once, and what was known of it stands', async () => {
  const bench = new Bench();
  bench.space = { freeBytes: 10, low: true, reserveIntact: true };
  await bench.look();
  bench.space = new Error('EIO');
  await bench.look();
  await bench.look();
  assert.equal(bench.watch.isLow, true);
  assert.deepEqual(bench.said.slice(1), ['warn cannot tell how much room the disk has {"error":"EIO"}']);
});
