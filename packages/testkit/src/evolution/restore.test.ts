import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { exportData, inspectSnapshot, type RestoreOptions, restoreMember, verifyData } from '@conclave/server';
import { temporaryDirectory } from '../processes/temporary-directory.ts';
import { readGoldenData, unpacked } from './golden-directory.ts';

const perIncarnation = 2 ** 40;
const ids = [3, 1, 2];
const members = ids.map((id) => ({ id, clientUrl: `ws://127.0.0.1:${id}`, peerUrl: `ws://127.0.0.1:${id + 10}` }));

interface Restoring {
  readonly file: string;
  readonly restore: (name: string, options: Partial<RestoreOptions>) => ReturnType<typeof restoreMember>;
  readonly directory: (name: string) => string;
}

function restoring(place: string): Restoring {
  const file = join(place, 'backup');
  writeFileSync(file, unpacked(readGoldenData(1).snapshot));
  const directory = (name: string): string => join(place, name);
  const common = { file, cluster: 'orders', members, reserveBytes: 0 };
  return {
    file,
    directory,
    restore: async (name, options) => restoreMember({ id: 1, ...common, directory: directory(name), ...options }),
  };
}

test('members that are restored apart, from one file, have one state, one configuration and one cluster, and a store each', async () => {
  using place = temporaryDirectory();
  const { directory, file, restore } = restoring(place.path);
  const { contents: saved } = await inspectSnapshot(file);
  const seen = [];
  const stores = new Set<string>();
  for (const id of ids) {
    const { clusterId } = await restore(`member-${id}`, { id });
    const { contents, log, memberId, records, storeUuid, voters } = await verifyData(directory(`member-${id}`));
    const exported = await exportData(directory(`member-${id}`), join(place.path, `export-${id}`));
    const { digest, meta } = exported.head;
    assert.equal(memberId, id);
    stores.add(storeUuid);
    const state = { digest: Buffer.from(digest).toString('hex'), position: meta.position, of: meta.configuration };
    seen.push({ clusterId, contents, log, records, voters, ...state });
  }
  assert.equal(stores.size, ids.length);
  assert.deepEqual(seen[1], seen[0]);
  assert.deepEqual(seen[2], seen[0]);
  assert.deepEqual(seen[0]?.voters, [1, 2, 3]);
  const { compacted, holds, incarnation, leases, revision, sessions } = seen[0]?.contents ?? assert.fail();
  assert.deepEqual(
    { incarnation, leases, sessions, holds },
    { incarnation: saved.incarnation + 1, leases: 0, sessions: 0, holds: 0 },
  );
  assert.ok(revision >= saved.revision + perIncarnation && compacted === revision);
});

test('a file that is restored again under a higher incarnation gives later fences, and another cluster', async () => {
  using place = temporaryDirectory();
  const { restore } = restoring(place.path);
  const [first, again, other] = [
    await restore('first', {}),
    await restore('again', { incarnation: 5 }),
    await restore('other', { cluster: 'payments' }),
  ];
  assert.equal(first.incarnation, 2);
  assert.equal(again.revision, first.revision + 3 * perIncarnation);
  assert.equal(new Set([first, again, other].map(({ clusterId }) => clusterId)).size, 3);
  await assert.rejects(restore('low', { incarnation: 1 }), /incarnation 1: more than 1/);
});

test('nothing is made of a damaged file', async () => {
  using place = temporaryDirectory();
  const { directory, file, restore } = restoring(place.path);
  const bytes = readFileSync(file);
  bytes[bytes.length - 5]! ^= 1;
  writeFileSync(file, bytes);
  await assert.rejects(restore('none', {}), { code: 'bad-snapshot' });
  await assert.rejects(verifyData(directory('none')), { code: 'not-initialised' });
});
