// Mirrors and documents against the plain history: what one writer did, in order, beside connections that break, compactions and restores.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import * as fc from 'fast-check';
import { type Limits, limitsSchema, slowLimitsSchema } from '../../testing/documents.ts';
import { Harness } from '../../testing/harness.ts';
import type { TestNetwork } from '../../testing/network.ts';
import type { Client } from '../client.ts';
import type { MirrorChange } from './change.ts';

type Disturbance = 'cut' | 'away' | 'back' | 'compact' | 'restore';

const disturbance: fc.Arbitrary<Disturbance> = fc.constantFrom('cut', 'away', 'back', 'back', 'compact', 'restore');

/** The connections of whoever mirrors, and what the cluster forgets meanwhile. */
class Troubles {
  readonly #harness: Harness;
  readonly #writer: Client;
  readonly #network: TestNetwork;
  /** What lay between two states may not be told. */
  mayHaveGaps = false;

  constructor(harness: Harness, writer: Client, network: TestNetwork) {
    this.#harness = harness;
    this.#writer = writer;
    this.#network = network;
  }

  async make(what: Disturbance, revision: number): Promise<void> {
    if (what === 'cut') this.#network.current?.cut();
    else if (what === 'away') this.#network.cutOff();
    else if (what === 'back') this.back();
    else if (what === 'compact') {
      if (revision === 0) return;
      this.mayHaveGaps = true;
      await this.#writer.perform({ type: 'compact', revision });
    } else {
      this.mayHaveGaps = true;
      const [present = 1] = this.#network.incarnations.values();
      for (const id of this.#harness.cluster.ids) this.#network.incarnations.set(id, present + 1);
      this.#network.current?.cut();
    }
  }

  back(): void {
    this.#network.current?.cut();
    this.#network.down.clear();
  }
}

async function start(
  context: TestContext,
): Promise<{ writer: Client; reader: Client; network: TestNetwork; harness: Harness }> {
  const harness = await Harness.start(context);
  const { client: writer } = await harness.client({ author: 'ann' });
  const { client: reader, network } = await harness.client();
  return { writer, reader, network, harness };
}

/** Some outside of what is mirrored, some selected twice. */
const names = ['a', 'a1', 'a2', 'b', 'b\u{FFFD}', 'b\u{1F600}', 'c', 'd', 'z'];
const keyAction = fc.oneof(
  fc.record({ put: fc.uniqueArray(fc.constantFrom(...names), { minLength: 1, maxLength: 4 }) }),
  fc.record({ delete: fc.constantFrom(...names) }),
  fc.record({ clear: fc.constantFrom('a', 'b') }),
  fc.record({ disturb: disturbance }),
);

test('a mirror is at every moment what the history was at its revision, and tells how it came there', async (context) => {
  const { harness, network, reader, writer } = await start(context);
  let run = 0;
  const property = fc.asyncProperty(fc.array(keyAction, { minLength: 1, maxLength: 60 }), async (actions) => {
    const base = `${run++}/`;
    const isMirrored = (key: string): boolean => /^\d+\/([ab]|d$)/.test(key);
    const model = new Map<string, string>();
    /** What there was from each revision on; and which of them changed it. */
    const states: { readonly revision: number; readonly shown: string }[] = [{ revision: 0, shown: '' }];
    const shown = (): string =>
      [...model]
        .filter(([key]) => isMirrored(key))
        .map(([key, value]) => `${key}=${value}`)
        .toSorted()
        .join();
    const at = (revision: number): number => states.findLastIndex((state) => state.revision <= revision);

    const mirror = await reader.mirror([{ prefix: `${base}a` }, { from: `${base}a1`, to: `${base}c` }, `${base}d`]);
    const dump = (): string =>
      Array.from(mirror, (entry) => `${entry.key}=${entry.text()}`)
        .toSorted()
        .join();
    const told: { readonly change: MirrorChange; readonly shown: string }[] = [];
    const replayed = new Map<string, string>();
    mirror.on('change', (change) => {
      assert.ok(change.synthetic !== null || change.revision === mirror.revision);
      told.push({ change, shown: dump() });
      for (const event of change.events) {
        assert.equal(event.previous?.text(), replayed.get(event.key));
        if (event.type === 'put') replayed.set(event.key, event.entry.text());
        else replayed.delete(event.key);
      }
      assert.equal(
        [...replayed]
          .map(([key, value]) => `${key}=${value}`)
          .toSorted()
          .join(),
        dump(),
      );
    });
    const troubles = new Troubles(harness, writer, network);
    let revision = mirror.revision;
    for (const [nth, action] of actions.entries()) {
      if ('disturb' in action) await troubles.make(action.disturb, revision);
      else if ('put' in action) {
        const then = action.put.map((name) => ({ put: `${base}${name}`, value: `${nth}` }));
        ({ revision } = await writer.txn({ then: [then[0]!, ...then.slice(1)] }));
        for (const { put } of then) model.set(put, `${nth}`);
      } else {
        const selector = 'clear' in action ? { prefix: `${base}${action.clear}` } : `${base}${action.delete}`;
        ({ revision } = await writer.delete(selector));
        const hit = (key: string): boolean =>
          typeof selector === 'string' ? key === selector : key.startsWith(selector.prefix);
        for (const key of [...model.keys()].filter(hit)) model.delete(key);
      }
      if (states.at(-1)?.shown !== shown() || 'put' in action) states.push({ revision, shown: shown() });
    }
    troubles.back();
    // A restore makes those who wait begin anew.
    while (mirror.revision < revision)
      await mirror.waitFor(revision).catch((error: unknown) => assert.match(String(error), /restored/));
    assert.equal(dump(), shown());
    let before = 0;
    for (const { change, shown: seen } of told) {
      const now = at(change.revision);
      assert.equal(seen, states[now]?.shown);
      if (change.synthetic === null) {
        const skipped = states
          .slice(before + 1, now)
          .filter((state, step, all) => state.shown !== (all[step - 1] ?? states[before])?.shown);
        assert.deepEqual(skipped, []);
      } else assert.ok(troubles.mayHaveGaps);
      before = now;
    }
    await mirror.close();
  });
  await fc.assert(property, { numRuns: 30, endOnFailure: true });
});

const fields = ['one', 'two'] as const;
const text = fc.oneof(
  { arbitrary: fc.nat(9).map((perSecond) => JSON.stringify({ perSecond })), weight: 5 },
  { arbitrary: fc.constantFrom('{}', '"many"', 'no JSON', ''), weight: 1 },
  { arbitrary: fc.constant(null), weight: 1 },
);
const documentAction = fc.oneof(
  { arbitrary: fc.record({ write: fc.record({ one: text, two: text }, { requiredKeys: [] }) }), weight: 8 },
  { arbitrary: fc.record({ disturb: disturbance }), weight: 3 },
);

test('documents are at every moment the last that were valid together, each seen in order, whoever reads slowly or is cut off', async (context) => {
  const { harness, network, reader, writer } = await start(context);
  let run = 0;
  const actionList = fc.array(documentAction, { minLength: 1, maxLength: 40 });
  const property = fc.asyncProperty(actionList, fc.boolean(), async (actions, hasDefault) => {
    const [one, two] = [`${run}/one`, `${run++}/two`];
    const fallback = { perSecond: -1 };
    if (!hasDefault) {
      const value = JSON.stringify(fallback);
      await writer.txn({
        then: [
          { put: `config/${one}`, value },
          { put: `config/${two}`, value },
        ],
      });
    }
    const otherwise = hasDefault ? { default: fallback } : {};
    const config = await reader.config({
      one: { name: one, schema: slowLimitsSchema, ...otherwise },
      two: { name: two, schema: limitsSchema, ...otherwise },
    });
    const told: string[] = [];
    config.on('change', ({ value }) => told.push(JSON.stringify(value)));
    let invalid = 0;
    config.on('invalid', () => invalid++);

    // The plain history: what each document is, what it was when it was valid, and what both were when both were.
    const text0 = hasDefault ? null : JSON.stringify(fallback);
    const now: Record<string, string | null> = { one: text0, two: text0 };
    const valid0 = hasDefault ? null : fallback;
    const valid: Record<string, Limits | null> = { one: valid0, two: valid0 };
    const expected: string[] = [];
    let expectedInvalid = 0;
    const isValid = (written: string | null): boolean => /^\{"perSecond":-?\d\}$/.test(written ?? '');
    const troubles = new Troubles(harness, writer, network);
    let revision = 0;
    for (const action of actions) {
      if ('disturb' in action) {
        // Whether something was ever valid depends on what was seen of it.
        const isTold = action.disturb !== 'compact' && action.disturb !== 'restore';
        if (isTold || !hasDefault) await troubles.make(action.disturb, revision);
        continue;
      }
      const written = fields.flatMap((field) => {
        const next = action.write[field];
        return next === undefined || (next === null && now[field] === null) ? [] : [{ field, next }];
      });
      const [first, ...others] = written.map(({ field, next }) => {
        const key = `config/${field === 'one' ? one : two}`;
        return next === null ? { delete: key } : { put: key, value: next };
      });
      if (first === undefined) continue;
      ({ revision } = await writer.txn({ then: [first, ...others] }));
      for (const { field, next } of written) {
        now[field] = next;
        if (isValid(next)) valid[field] = JSON.parse(next ?? '') as Limits;
        else if (next !== null || valid[field] !== null) expectedInvalid++;
      }
      const isNew = written.some(({ next }) => isValid(next));
      if (isNew && fields.every((field) => isValid(now[field] ?? null) || valid[field] === null)) {
        expected.push(JSON.stringify({ one: valid['one'] ?? fallback, two: valid['two'] ?? fallback }));
      }
    }
    troubles.back();
    // An update is seen here when it is answered, and with it everything before it.
    const both = await config.update((before) => ({
      one: { perSecond: 7 },
      two: { perSecond: before.two.perSecond + 10 },
    }));
    assert.ok(both >= revision);
    // What was valid last may not have been seen here yet, or never.
    const base = isValid(now['two'] ?? null) ? (valid['two'] ?? fallback).perSecond : config.value.two.perSecond - 10;
    const last = { one: { perSecond: 7 }, two: { perSecond: base + 10 } };
    assert.deepEqual(config.value, last);
    if (JSON.stringify(last) !== expected.at(-1) || both > revision) expected.push(JSON.stringify(last));
    if (!troubles.mayHaveGaps) {
      assert.deepEqual(told, expected);
      assert.equal(invalid, expectedInvalid);
    } else {
      // Some are left out, and none comes that never was.
      let from = 0;
      for (const seen of told) {
        const found = expected.indexOf(seen, from);
        assert.ok(found >= from, `${seen} is not in ${expected.slice(from).join()}`);
        from = found;
      }
    }
    await config.close();
  });
  await fc.assert(property, { numRuns: 30, endOnFailure: true });
});
