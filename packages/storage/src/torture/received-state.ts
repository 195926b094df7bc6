// A member that has a state to give, and what a receiver must have of it.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import type { TestContext } from 'node:test';
import { bytes, entries, founders, job, position, text } from '../conformance/entries.ts';
import type { Storage } from '../storage.ts';
import { newDirectory, reopen } from './directories.ts';

export interface Given {
  readonly directory: string;
  readonly at: number;
  readonly values: ReadonlyMap<string, Buffer>;
}

/** `records` of 10 KB at entry 20, in a directory that is closed. */
export async function stateToGive(context: TestContext, records: number): Promise<Given> {
  const directory = await newDirectory(context);
  const storage = await reopen(directory);
  const at = 20;
  await storage.log.persist([job({ term: 1, commit: at, entries: entries(1, at, 1) })]);
  const values = new Map<string, Buffer>();
  for (let record = 0; record < records; record++) values.set(`key ${record}`, randomBytes(10_000));
  await storage.state.checkpoint({
    position: position(at, 1),
    configuration: founders,
    digest: bytes(''),
    changes: [...values].map(([key, value]) => ({ key: bytes(key), value })),
  });
  await storage.close();
  return { directory, at, values };
}

export async function assertReceived({ log, state }: Storage, { at, values }: Given): Promise<void> {
  assert.deepEqual([log.recovered.base.index, log.tail], [at, at]);
  let found = 0;
  for await (const batch of state.scan()) {
    for (const { key, value } of batch) {
      assert.deepEqual(Buffer.from(value), values.get(text(key)!));
      found++;
    }
  }
  assert.equal(found, values.size);
}

export async function stateNames(directory: string): Promise<string[]> {
  return (await readdir(directory)).filter((name) => name.startsWith('state'));
}
