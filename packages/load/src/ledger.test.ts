import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ledger } from './ledger.ts';

/** A cluster of one key each, as the ledger sees it. */
class Store {
  readonly ledger = new Ledger(4);
  readonly shown = new Map<number, { value: Uint8Array; version: number }>();

  /** Writes and is told; `lost`: told, but it is not there. */
  acknowledged(key: number, { lost = false } = {}): void {
    const { sequence, value } = this.begin(key);
    if (!lost) this.apply(key, value);
    this.ledger.acknowledged(key, sequence);
  }

  begin(key: number): { sequence: number; value: Uint8Array } {
    const value = new Uint8Array(32);
    return { sequence: this.ledger.begin(key, value), value };
  }

  apply(key: number, value: Uint8Array): void {
    this.shown.set(key, { value, version: (this.shown.get(key)?.version ?? 0) + 1 });
  }

  get verdict(): object {
    return this.ledger.compare(this.shown);
  }
}

test('nothing is missing where everything took effect', () => {
  const store = new Store();
  for (const key of [0, 1, 1, 2]) store.acknowledged(key);
  assert.deepEqual(store.verdict, { acknowledged: 4, missing: 0, repeated: 0, unchecked: 0 });
});

test('an acknowledged write that is not there is missing', () => {
  const store = new Store();
  store.acknowledged(0);
  store.acknowledged(1, { lost: true });
  store.acknowledged(1, { lost: true });
  assert.deepEqual(store.verdict, { acknowledged: 3, missing: 2, repeated: 0, unchecked: 0 });
});

test('a lost write is missing also when a later one hides it', () => {
  const store = new Store();
  store.acknowledged(0, { lost: true });
  store.acknowledged(0);
  assert.deepEqual(store.verdict, { acknowledged: 2, missing: 1, repeated: 0, unchecked: 0 });
});

test('a key that shows an older write than the last acknowledged one misses it', () => {
  const store = new Store();
  store.acknowledged(0);
  const old = store.shown.get(0)?.value as Uint8Array;
  store.acknowledged(0);
  store.shown.set(0, { value: old, version: 2 });
  assert.deepEqual(store.verdict, { acknowledged: 2, missing: 1, repeated: 0, unchecked: 0 });
});

test('a key that shows what this run never wrote misses its own', () => {
  const store = new Store();
  store.acknowledged(0);
  store.shown.set(0, { value: new Uint8Array(32), version: 1 });
  assert.deepEqual(store.verdict, { acknowledged: 1, missing: 1, repeated: 0, unchecked: 0 });
});

test('a write of unknown outcome may be there or not, also behind later ones', () => {
  for (const takesEffect of ['never', 'before the next one', 'after the next one']) {
    const store = new Store();
    store.acknowledged(0);
    const { sequence, value } = store.begin(0);
    store.ledger.doubted(0, sequence);
    if (takesEffect === 'before the next one') store.apply(0, value);
    store.acknowledged(0);
    if (takesEffect === 'after the next one') store.apply(0, value);
    assert.deepEqual(store.verdict, { acknowledged: 2, missing: 0, repeated: 0, unchecked: 0 }, takesEffect);
  }
});

test('a write that took effect twice is repeated', () => {
  const store = new Store();
  const { sequence, value } = store.begin(0);
  store.apply(0, value);
  store.apply(0, value);
  store.ledger.acknowledged(0, sequence);
  assert.deepEqual(store.verdict, { acknowledged: 1, missing: 0, repeated: 1, unchecked: 0 });
});
