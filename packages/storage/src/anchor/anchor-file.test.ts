import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { anchorSyncPeriodMs } from '../bounds.ts';
import { index, member } from '../conformance/entries.ts';
import type { Pledge } from '../pledge.ts';
import { AnchorFile, createAnchor } from './anchor-file.ts';
import { decodeSlot, encodeSlot } from './slot.ts';

const owner = { clusterId: 'anchor', memberId: member(7), storeUuid: '01234567-89ab-4cde-8f01-23456789abcd' };
const pledge = (term: number, at: number, vote: number | null = null): Pledge => ({
  term: term as never,
  vote: vote === null ? null : member(vote),
  acknowledged: { term: term as never, index: index(at) },
});

async function newAnchor(
  context: TestContext,
): Promise<{ path: string; clock: { now: number }; open: () => Promise<AnchorFile> }> {
  const place = await mkdtemp(join(tmpdir(), 'conclave-anchor-'));
  const path = join(place, 'anchor');
  await createAnchor(path, owner);
  const clock = { now: 0 };
  const opened: AnchorFile[] = [];
  context.after(async () => {
    await Promise.all(opened.map(async (anchor) => anchor.close()));
    await rm(place, { recursive: true });
  });
  const open = async (): Promise<AnchorFile> => {
    const anchor = await AnchorFile.open(path, () => clock.now);
    opened.push(anchor);
    return anchor;
  };
  return { path, clock, open };
}

test('what was written last is what is read', async (context) => {
  const { open } = await newAnchor(context);
  const anchor = await open();
  for (let at = 1; at <= 5; at++) await anchor.write(pledge(1, at, 3));
  const { newest } = await open();
  assert.deepEqual(newest.pledge, pledge(1, 5, 3));
  assert.deepEqual([newest.clusterId, newest.memberId, newest.storeUuid], Object.values(owner));
});

test('a change of term or vote is synced at once, other changes once a period', async (context) => {
  const { clock, open } = await newAnchor(context);
  const anchor = await open();
  await anchor.write(pledge(1, 1));
  assert.equal(anchor.dirty, false, 'term');
  await anchor.write(pledge(1, 1, 2));
  assert.equal(anchor.dirty, false, 'vote');
  await anchor.write(pledge(1, 2, 2));
  assert.equal(anchor.dirty, true, 'acknowledged only');
  clock.now += anchorSyncPeriodMs - 1;
  await anchor.write(pledge(1, 3, 2));
  assert.equal(anchor.dirty, true, 'too early');
  clock.now += 1;
  await anchor.write(pledge(1, 4, 2));
  assert.equal(anchor.dirty, false, 'due');
});

test('writes without a sync never touch the slot that was synced last', async (context) => {
  const { path, open } = await newAnchor(context);
  const anchor = await open();
  for (let term = 1; term < 6; term++) {
    await anchor.write(pledge(term, term));
    const synced = slots(await readFile(path));
    for (let at = 1; at < 4; at++) await anchor.write(pledge(term, term + at));
    const now = slots(await readFile(path));
    const kept = now.filter((slot, which) => slot?.sequence === synced[which]?.sequence);
    assert.deepEqual(
      kept.map((slot) => slot?.pledge),
      [pledge(term, term)],
    );
  }
});

test('each flipped byte of the newer slot leaves the older one in force', async (context) => {
  const { path, open } = await newAnchor(context);
  const anchor = await open();
  await anchor.write(pledge(1, 1));
  await anchor.write(pledge(2, 2));
  const pristine = await readFile(path);
  const newer = slots(pristine)[0]?.pledge.term === 2 ? 0 : 4096;
  for (let at = 0; at < 512; at += 9) {
    const damaged = Buffer.from(pristine);
    damaged[newer + at]! ^= 1;
    await writeFile(path, damaged);
    const again = await open();
    assert.deepEqual(again.newest.pledge, pledge(1, 1), `byte ${at}`);
  }
});

test('a slot is 512 bytes and keeps the longest cluster id', () => {
  const slot = {
    ...owner,
    clusterId: 'c'.repeat(64),
    sequence: 2 ** 53 - 1,
    pledge: pledge(2 ** 53 - 1, 2 ** 53 - 1, 2 ** 32 - 1),
  };
  const bytes = encodeSlot(slot);
  assert.equal(bytes.length, 512);
  assert.deepEqual(decodeSlot(bytes), slot);
});

test('a slot of a later format is refused, not ignored', () => {
  const bytes = encodeSlot({ ...owner, sequence: 1, pledge: pledge(1, 1) });
  assert.deepEqual(decodeSlot(bytes)?.sequence, 1);
  assert.equal(decodeSlot(bytes.subarray(0, 511)), null);
  assert.equal(decodeSlot(Buffer.alloc(512)), null);
});

function slots(file: Buffer): ReturnType<typeof decodeSlot>[] {
  return [0, 4096].map((offset) => decodeSlot(file.subarray(offset, offset + 512)));
}
