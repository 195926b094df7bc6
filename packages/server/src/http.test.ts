import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import type { Member } from '@conclave/member';
import { Doorkeeper } from './admission.ts';
import { listen } from './client-listener.ts';
import { answerHttp } from './http.ts';

test('a member that knows a leader is ready, unless it says why it serves nobody: it lags too far, or was removed', async () => {
  const lags = 'this member takes its state from a snapshot, and serves again when it has it';
  const cases = [
    [1, null, 200, 'leader: member 1\n'],
    [null, null, 503, 'leader: none is known\n'],
    [1, lags, 503, `${lags}\n`],
  ] as const;
  const doorkeeper = new Doorkeeper(() => [], []);
  for (const [leader, unready, status, text] of cases) {
    const member = { status: { leader }, unready } as object as Member;
    const server = createServer((request, response) => answerHttp(member, doorkeeper, request, response));
    const port = await listen(server, '127.0.0.1', 0);
    const response = await fetch(`http://127.0.0.1:${port}/readyz`);
    assert.deepEqual([response.status, await response.text()], [status, text]);
    server.closeAllConnections();
    server.close();
  }
});
