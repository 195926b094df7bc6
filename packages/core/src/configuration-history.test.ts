import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configurationOf, emptyConfiguration, encodeConfiguration, noContext } from './configuration.ts';
import { ConfigurationHistory } from './configuration-history.ts';
import {
  type BootState,
  type Configuration,
  type Entry,
  EntryKind,
  type Index,
  type MemberId,
  type Term,
} from './types.ts';

const i = (index: number): Index => index as Index;
const of = (...voters: readonly number[]): Configuration => configurationOf(voters as MemberId[]);

function entry(index: number, configuration: Configuration): Entry {
  const data = encodeConfiguration({ configuration, context: noContext });
  return { index: i(index), term: 1 as Term, kind: EntryKind.Configuration, data };
}

const position = { index: i(3), term: 1 as Term };

function historyOf(configuration: Configuration, entries: readonly Entry[] = []): ConfigurationHistory {
  const boot: Pick<BootState, 'applied' | 'configuration' | 'entries'> = {
    applied: position.index,
    configuration,
    entries,
  };
  return new ConfigurationHistory(boot as BootState);
}

test('a configuration is in force from where its entry stands, and no earlier', () => {
  const history = historyOf(of(1), [entry(5, of(1, 2))]);
  history.appended(entry(8, of(2)));
  assert.deepEqual(
    [3, 4, 5, 7, 8, 9].map((index) => history.at(i(index)).voters),
    [[1], [1], [1, 2], [1, 2], [2], [2]],
  );
  assert.deepEqual(history.latest, of(2));
  assert.equal(history.latestIndex, 8);
});

test('a tail that is cut takes its configurations along, and the one before is in force again (Raft §6)', () => {
  const history = historyOf(of(1), [entry(5, of(1, 2)), entry(8, of(2))]);
  history.truncatedFrom(i(8));
  assert.deepEqual(history.latest, of(1, 2));
  history.truncatedFrom(i(4));
  assert.deepEqual(history.latest, of(1));
});

test('what the state already contains is not looked for in the log again', () => {
  const history = historyOf(of(1, 2), [entry(2, of(9)), entry(3, of(9))]);
  assert.deepEqual(history.latest, of(1, 2));
});

test('a snapshot brings its own configuration, and nothing of the old log stays (openraft #1808)', () => {
  const history = historyOf(of(1), [entry(5, of(1, 2))]);
  history.replaced(i(20), of(7));
  assert.deepEqual(history.latest, of(7));
  assert.throws(() => history.at(i(19)), /no configuration is known/);
});

test('what lies before a checkpoint is forgotten, but not what is in force there', () => {
  const history = historyOf(emptyConfiguration, [entry(5, of(1)), entry(6, of(2)), entry(9, of(3))]);
  history.forgetBefore(i(7));
  assert.deepEqual(history.at(i(7)), of(2));
  assert.throws(() => history.at(i(5)), /no configuration is known/);
});
