import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Command, parse } from './command.ts';

const put: Command = {
  name: 'put',
  usage: 'KEY VALUE',
  summary: '',
  options: { json: { type: 'boolean', help: '' } },
  run: async () => 0,
};
const lock: Command = { ...put, name: 'lock', usage: 'NAME [-- COMMAND …]', takesCommand: true };

test('what begins with a dash and is no option stands behind --, after the other arguments or instead of them', () => {
  for (const argv of [
    ['k', '--json', '--', '-5'],
    ['--json', '--', 'k', '-5'],
  ]) {
    const parsed = parse(put, argv);
    assert.deepEqual([parsed.positionals, parsed.rest, parsed.flag('json')], [['k', '-5'], [], true]);
  }
  assert.throws(() => parse(put, ['k', '-5']), /there is no option -5: `conclave put --help` lists them; .*behind --$/);
});

test('of a command that runs another one, that one stands behind --, with its own options, and must be there', () => {
  const parsed = parse(lock, ['deploy', '--', 'make', '--json']);
  assert.deepEqual([parsed.positionals, parsed.rest, parsed.flag('json')], [['deploy'], ['make', '--json'], false]);
  assert.throws(() => parse(lock, ['deploy', '--']), /there is nothing behind --/);
  assert.throws(() => parse(lock, ['deploy', '--jsn']), /there is no option --jsn: `conclave lock --help` lists them$/);
});
