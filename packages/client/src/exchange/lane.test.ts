import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lane } from './lane.ts';
import { Request } from './request.ts';

function request(lane: Lane, what: string, numbered: boolean): Request {
  const message = (id: number) => ({ type: 'keepalive', id, leases: [] }) as const;
  const spec = { what, lane, changes: true, repeatable: true, numbered, bytes: 1, message };
  const nobody = (): void => {};
  return new Request(spec, Number.POSITIVE_INFINITY, nobody, nobody);
}

test('what has its sequence leaves before what waits for room, and needs none itself', () => {
  const lane = new Lane(({ isNumbered }) => isNumbered);
  const fresh = request(lane, 'fresh', false);
  const refused = request(lane, 'refused', false);
  refused.sends = 1;
  const again = request(lane, 'again', true);
  const lost = request(lane, 'lost', false);
  lost.sends = 1;
  for (const one of [fresh, refused, again]) lane.add(one);
  lane.addInFront([lost]);
  assert.deepEqual([lane.length, lane.bytes], [4, 4]);
  assert.deepEqual(
    lane.all().map(({ spec }) => spec.what),
    ['lost', 'refused', 'again', 'fresh'],
  );
  for (const next of [lost, refused, again]) {
    assert.equal(lane.first, next);
    lane.remove(next);
  }
  assert.equal(lane.first, null);
  lane.remove(fresh);
  assert.deepEqual([lane.length, lane.bytes], [0, 0]);
});
