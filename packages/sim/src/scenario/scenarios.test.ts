import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { scenarioFolder, scenarioNames, scenarioText } from './files.ts';
import { runScenario } from './run.ts';
import { parseScript } from './script.ts';

for (const name of scenarioNames()) {
  test(`scenario: ${claimOf(scenarioText(name))}`, () => {
    const { differences } = runScenario(scenarioText(name));
    assert.deepEqual(differences, [], `npm run scenarios -- ${name}; with --rewrite, if what it prints now is right`);
  });
}

test('each scenario begins with what it shows, and says what goes wrong without it', () => {
  const bare = scenarioNames().filter((name) => {
    const [first] = parseScript(scenarioText(name));
    return first?.kind !== 'remark' || !first.comments.includes('#');
  });
  assert.deepEqual(bare, []);
});

test('each lesson names the scenarios that show it, or why there is none; and each scenario stands there', () => {
  const readme = readFileSync(join(scenarioFolder, 'README.md'), 'utf8');
  const rows = readme.split('\n').filter((line) => /^\| \d+ \|/.test(line));
  assert.deepEqual(
    rows.map((row) => Number(/^\| (\d+) \|/.exec(row)?.[1])),
    Array.from({ length: lessonCount }, (_, at) => at + 1),
  );
  const named = (row: string): string[] => [...row.matchAll(/\]\(([a-z-]+)\.txt\)/g)].map((match) => match[1] ?? '');
  const silent = rows.filter((row) => named(row).length === 0 && !row.includes('| not in core: '));
  assert.deepEqual(silent, []);
  assert.deepEqual([...new Set(rows.flatMap(named))].toSorted(), scenarioNames());
});

/** In the table of packages/sim/scenarios/README.md. */
const lessonCount = 43;

function claimOf(text: string): string {
  const end = text.indexOf('\n#\n');
  return text.slice(0, end).replaceAll(/\n?# /g, ' ').trim();
}
