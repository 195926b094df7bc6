import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Member, type MemberId } from '@conclave/member';
import { startMember } from './start-member.ts';

test('a member that ends before it serves has not started: whoever starts it hears why, and everything is closed', {
  timeout: 20_000,
}, async (context) => {
  const directory = await mkdtemp(join(tmpdir(), 'conclave-starting-'));
  context.after(async () => rm(directory, { recursive: true, force: true }));
  const start = async (): Promise<string> => {
    const starting = startMember({
      directory: join(directory, 'member'),
      id: 1,
      cluster: 'starting',
      members: [{ id: 1, clientUrl: 'ws://127.0.0.1:7401', peerUrl: 'ws://127.0.0.1:7501' }],
      listen: '127.0.0.1:0',
      listenPeer: '127.0.0.1:0',
      logLevel: 'silent',
    });
    try {
      await (await starting).stop();
      return 'started';
    } catch (error) {
      const { code, name } = error as Error & { readonly code?: string };
      return code ?? name;
    }
  };

  const open = Member.open.bind(Member);
  context.mock.method(Member, 'open', async (...given: Parameters<typeof open>) => {
    const member = await open(...given);
    member.told(2 as MemberId, 'lost');
    return member;
  });
  assert.equal(await start(), 'LostAcknowledgedError');
  assert.equal(await start(), 'lost-acknowledged', 'it was written down, and the directory is not locked any more');
});
