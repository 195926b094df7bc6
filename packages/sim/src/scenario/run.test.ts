import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runScenario } from './run.ts';

test('a scenario that prints what is written has no differences, and rewriting it changes nothing', () => {
  const written = runScenario('# A claim.\n\nadd-nodes 1\ncampaign 1\n').text;
  assert.deepEqual(runScenario(written), { text: written, differences: [] });
  assert.match(written, /^# A claim\.\n\nadd-nodes 1\ncampaign 1\n----\n1: candidate term=1\n1: write #1: /);
});

test('what is printed and not written, or written and not printed, is a difference that names the line and both', () => {
  const { differences } = runScenario('add-nodes 1\n----\nok\n\nstate 1\n----\n1: leader\n');
  assert.equal(differences.length, 1);
  assert.match(differences[0] ?? '', /^line 5: state 1\n {2}written:\n {4}1: leader\n {2}now:\n {4}1: follower term=0/);
});

test('what is not understood is an error that names the line: commands, keys, words, members, numbers', () => {
  const lines = ['lead 1', 'campaign 1 soon', 'persist 1 conut=1', 'campaign 2', 'campaign one', 'advance'];
  for (const line of lines)
    assert.throws(() => runScenario(`add-nodes 1\n\n${line}\n`), { message: `line 3: ${line}` });
});

test('quiet prints nothing but that a member stops; brief leaves out messages and writes', () => {
  const outputOf = (detail: string): string => runScenario(`add-nodes 1 2 3\n\ncampaign 1\nstabilize ${detail}\n`).text;
  assert.match(outputOf('brief'), /1: leader term=1/);
  assert.doesNotMatch(outputOf('brief'), /1->2 (vote|append)/);
  assert.doesNotMatch(outputOf('quiet'), /1: leader term=1/);
  const stopped = runScenario('add-nodes 1\n\npersist-fail 1 no space quiet\n').text;
  assert.match(stopped, /----\n1: stops: persisting failed: no space\n$/);
});
