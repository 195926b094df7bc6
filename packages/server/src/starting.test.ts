import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Member, type MemberId } from '@conclave/member';
import { startMember } from './start-member.ts';

test('a member that ends between its two listeners has not started: whoever starts it hears why, and everything is closed', {
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

  const opened: Member[] = [];
  const open = Member.open.bind(Member);
  context.mock.method(Member, 'open', async (...given: Parameters<typeof open>) => {
    const member = await open(...given);
    opened.push(member);
    return member;
  });
  const listeners: Server[] = [];
  const listen = Server.prototype.listen;
  context.mock.method(Server.prototype, 'listen', function (this: Server, ...given: Parameters<typeof listen>) {
    // The peers' listener is there already.
    if (listeners.push(this) === 2) opened[0]?.told(2 as MemberId, 'lost');
    return listen.apply(this, given);
  });
  assert.equal(await start(), 'LostAcknowledgedError');
  assert.deepEqual(
    listeners.map(({ listening }) => listening),
    [false, false],
  );
  assert.equal(await start(), 'lost-acknowledged', 'it was written down, and the directory is not locked any more');
});
