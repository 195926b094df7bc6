import assert from 'node:assert/strict';
import { test } from 'node:test';
import { member } from './conformance/entries.ts';
import { brokenPledge, type Pledge } from './pledge.ts';

const pledge = (term: number, vote: number | null, ackTerm: number, ackIndex: number): Pledge =>
  ({ term, vote: vote === null ? null : member(vote), acknowledged: { term: ackTerm, index: ackIndex } }) as Pledge;

test('a log that is ahead of its witness, or equal to it, keeps its word', () => {
  const witness = pledge(5, 2, 5, 10);
  for (const held of [
    witness,
    pledge(6, null, 5, 10),
    pledge(6, 3, 5, 11),
    pledge(5, 2, 5, 11),
    pledge(7, null, 6, 1),
  ]) {
    assert.equal(brokenPledge(held, witness), null);
  }
  assert.equal(brokenPledge(pledge(5, 3, 5, 10), pledge(5, null, 5, 10)), null);
});

test('a lower term, another vote in the term, or less acknowledged is a broken pledge, and said in words', () => {
  const witness = pledge(5, 2, 4, 10);
  assert.match(brokenPledge(pledge(4, 2, 4, 10), witness)!, /its term is 4, and it once was in term 5/);
  assert.match(brokenPledge(pledge(5, 3, 4, 10), witness)!, /voted for member 3, and it once voted for member 2/);
  assert.match(brokenPledge(pledge(5, null, 4, 10), witness)!, /has not voted, and it once voted for member 2/);
  assert.match(
    brokenPledge(pledge(5, 2, 4, 9), witness)!,
    /up to index 9 in term 4, and it once acknowledged index 10/,
  );
  // The term counts first: a long log of an old term is no match for a short one of a later term.
  assert.match(brokenPledge(pledge(6, null, 3, 1000), witness)!, /index 1000 in term 3/);
});
