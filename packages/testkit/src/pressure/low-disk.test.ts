import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Client, ConclaveError } from '@conclave/client';
import { runConclave } from '../processes/conclave-program.ts';
import { requires } from '../processes/requires.ts';
import { mountDisks } from '../processes/small-disk.ts';
import { temporaryDirectory } from '../processes/temporary-directory.ts';
import { patienceMs, TestCluster } from '../processes/test-cluster.ts';
import { waitFor } from '../processes/wait-for.ts';

const timeout = 120_000;
/** Below the watermark of 256 MiB, and far more than this test writes. */
const leftBytes = 100 * 1024 * 1024;
const members = 3;

test('members on low disks take only what frees space, say so, and take everything again when there is room', {
  timeout,
  skip: requires('linux', 'root'),
}, async (context) => {
  using folder = temporaryDirectory();
  using disks = mountDisks(folder.path, members);
  if (disks.reason !== null) return context.skip(disks.reason);
  const { byMember } = disks;
  await using cluster = await TestCluster.start({ members, directoryOf: (id) => disks.directoryOf(id) });
  await using client = await cluster.connect();
  await client.put('k', 'before');

  // One of them: who has room leads.
  const low = await cluster.leader();
  byMember.get(low)?.fillExcept(leftBytes);
  const next = await cluster.leader(low);
  await client.put('k', 'while one disk is low');

  for (const [id, disk] of byMember) if (id !== low) disk.fillExcept(leftBytes);
  const refused = await firstCertainRefusal(client);
  assert.match(refused.message, /disk space is low/);
  for (const id of cluster.ids) {
    const at = ['--endpoints', cluster.endpoint(id), '--timeout-ms', '1000'];
    const put = await runConclave(['put', 'k', 'v', ...at]);
    assert.equal(put.code, 5, put.stderr);
    assert.match(put.stderr, /disk space is low/);
    assert.equal((await runConclave(['get', 'k', ...at])).code, 0);
  }
  const { stdout } = await runConclave(['status', '--endpoints', cluster.endpoint(next)]);
  for (const id of cluster.ids) assert.match(stdout, new RegExp(`member ${id}: disk low`));
  assert.equal((await client.delete('k')).ok, true);
  assert.ok(cluster.member(next).output().includes('the disk is low: it has to be given room'), cluster.output());

  const waiting = client.put('k', 'after');
  for (const disk of byMember.values()) disk.free();
  await waiting;
  assert.equal((await client.get('k'))?.text(), 'after');
  for (const { child, id } of cluster.everyRun) assert.equal(child.end, undefined, `member ${id}\n${child.output()}`);
});

async function firstCertainRefusal(client: Client): Promise<ConclaveError> {
  return waitFor(
    async () => {
      try {
        await client.put('k', 'v', { timeoutMs: 400 });
        return null;
      } catch (error) {
        // While leadership moves, an attempt of the same write may go without an answer: then this refusal says `unknown`, or time is over first.
        if (ConclaveError.is(error, 'NO_SPACE')) return error.outcome === 'not-applied' ? error : null;
        assert.ok(ConclaveError.is(error, 'DEADLINE_EXCEEDED'), String(error));
        return null;
      }
    },
    patienceMs,
    () => 'no write was refused for certain',
  );
}
