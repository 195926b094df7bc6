// What earlier releases left on disks, later ones open. docs/durability.md describes the formats.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect } from '@conclave/client';
import { exportData, inspectSnapshot, startMember, verifyData } from '@conclave/server';
import { fingerprintOf } from '../processes/fingerprint.ts';
import { stablePorts } from '../processes/stable-ports.ts';
import { temporaryDirectory } from '../processes/temporary-directory.ts';
import { readGoldenData, unpackDirectory, unpacked } from './golden-directory.ts';

/** Every format that was ever released, and the present one. */
const formats = [1];

for (const format of formats) {
  test(`a directory of format ${format} holds what it held, to the digest, and looking at it changes nothing`, async () => {
    using place = temporaryDirectory();
    const { expected, files } = readGoldenData(format);
    const directory = join(place.path, 'member');
    unpackDirectory(files, directory);
    const before = fingerprintOf(directory);
    assert.deepEqual(await verifyData(directory), expected.data);
    const { head } = await exportData(directory, join(place.path, 'export'));
    assert.equal(Buffer.from(head.digest).toString('hex'), expected.digest);
    assert.deepEqual(fingerprintOf(directory), before);
  });

  test(`a backup of format ${format} holds what it held`, async () => {
    using place = temporaryDirectory();
    const { expected, snapshot } = readGoldenData(format);
    const file = join(place.path, 'backup');
    writeFileSync(file, unpacked(snapshot));
    const { contents, head } = await inspectSnapshot(file);
    const { keys, revision } = contents;
    assert.deepEqual({ digest: Buffer.from(head.digest).toString('hex'), revision, keys }, expected.snapshot);
  });

  test(`a member goes on with a directory of format ${format}`, async () => {
    using place = temporaryDirectory();
    const { expected, files } = readGoldenData(format);
    const directory = join(place.path, 'member');
    unpackDirectory(files, directory);
    const member = await start(directory);
    try {
      await using client = await connect({ endpoints: [`ws://127.0.0.1:${member.clientPort}`] });
      assert.equal((await client.get('last'))?.text(), '1');
      assert.equal((await client.get('first/0')) ?? null, null);
      assert.equal((await client.get('second/leased'))?.text(), '1');
      const { revision } = await client.put('later', '1');
      assert.ok(revision > expected.data.contents.revision);
      const held = await client.tryLock('held');
      assert.equal(held, null, 'a lock that was held is held');
    } finally {
      await member.stop();
    }
  });
}

test('a directory of a format that is not known yet is refused, and not a byte of it changed', async () => {
  using place = temporaryDirectory();
  const { files } = readGoldenData(1);
  const directory = join(place.path, 'member');
  unpackDirectory(files, directory);
  const path = join(directory, 'member.json');
  writeFileSync(path, readFileSync(path, 'utf8').replace('"format": 1', '"format": 2'));
  const before = fingerprintOf(directory);
  const refusal = {
    code: 'unknown-format',
    message: /has format 2, and this release knows 1\. Run the release that wrote it, or a newer one/,
  };
  await assert.rejects(start(directory), refusal);
  await assert.rejects(verifyData(directory), refusal);
  await assert.rejects(exportData(directory, join(place.path, 'export')), refusal);
  assert.deepEqual(fingerprintOf(directory), before);
});

async function start(directory: string): ReturnType<typeof startMember> {
  const [clientPort, peerPort] = await stablePorts(2);
  const urls = { clientUrl: `ws://127.0.0.1:${clientPort}`, peerUrl: `ws://127.0.0.1:${peerPort}` };
  return startMember({
    directory,
    id: 1,
    cluster: 'test',
    members: [{ id: 1, ...urls }],
    electionMs: 100,
    heartbeatMs: 20,
    logLevel: 'silent',
  });
}
