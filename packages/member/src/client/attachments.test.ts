import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Attached, Attachments } from './attachments.ts';

interface Connection extends Attached {
  readonly heard: string[];
  isClosed: boolean;
}

function connection(order: number): Connection {
  const heard: string[] = [];
  return {
    order,
    heard,
    isClosed: false,
    told: (message) => {
      if (message.type === 'granted') heard.push(`granted ${message.session} ${message.sequence} ${message.fence}`);
      else if (message.type === 'broken') heard.push(`broken ${message.session} ${message.fence} ${message.delayMs}`);
      else heard.push(`contended ${message.session} ${message.sequence}`);
    },
    ended: (session, cause) => heard.push(`${session} ${cause}`),
  };
}

test('of two connections the one with the larger epoch has the session, and the other is told', () => {
  const attachments = new Attachments();
  const [old, young] = [connection(1), connection(2)];
  assert.ok(attachments.attach(7, 1, old));
  assert.ok(attachments.attach(7, 2, young));
  assert.deepEqual(old.heard, ['7 fenced']);
  assert.equal(attachments.attach(7, 2, old), false);
  assert.equal(attachments.attach(7, 1, old), false);
  assert.ok(attachments.isAttached(7, young));
});

test('opened twice with one secret, the session belongs to the newer connection, whichever answer comes first', () => {
  for (const order of [
    [1, 2],
    [2, 1],
  ] as const) {
    const attachments = new Attachments();
    const connections = [connection(1), connection(2)] as const;
    for (const one of order) attachments.attach(7, 0, connections[one - 1] as Connection);
    assert.ok(attachments.isAttached(7, connections[1]));
  }
});

test('a connection that is gone gets nothing, and leaving takes only what is its own', () => {
  const attachments = new Attachments();
  const [gone, here] = [connection(1), connection(2)];
  gone.isClosed = true;
  assert.equal(attachments.attach(7, 5, gone), false);
  attachments.attach(7, 1, here);
  attachments.detach(7, gone);
  attachments.notify([{ type: 'granted', session: 7, sequence: 3, fence: 9, contended: false }]);
  assert.deepEqual(here.heard, ['granted 7 3 9']);
  attachments.notify([{ type: 'released', session: 7, sequence: 2, fence: 8 }]);
  assert.deepEqual(here.heard, ['granted 7 3 9'], 'what it gave back itself it knows');
  const broken = { type: 'broken', sequence: 3, fence: 9, delayMs: 5, author: null, reason: null } as const;
  attachments.notify([
    { ...broken, session: 8 },
    { ...broken, session: 7 },
  ]);
  assert.deepEqual(here.heard.splice(1), ['broken 7 9 5']);
  attachments.notify([{ type: 'sessionEnded', session: 7, cause: 'expired' }]);
  assert.deepEqual(here.heard, ['granted 7 3 9', '7 expired']);
  assert.equal(attachments.count, 0);
});

test('a session that another member has taken over is ended here, and one that was taken over here is not', () => {
  const attachments = new Attachments();
  const [old, present] = [connection(1), connection(2)];
  attachments.attach(7, 1, old);
  attachments.attach(8, 3, present);
  attachments.notify([
    { type: 'sessionMoved', session: 7, epoch: 2 },
    { type: 'sessionMoved', session: 8, epoch: 3 },
    { type: 'sessionMoved', session: 9, epoch: 1 },
  ]);
  assert.deepEqual([old.heard, present.heard], [['7 fenced'], []]);
  assert.deepEqual([attachments.epochOf(7, old), attachments.epochOf(8, present)], [null, 3]);
});
