import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, type TestContext, test } from 'node:test';
import { document, outcomeTable, readDocument, tableIn, withTable } from './outcome-table.ts';
import { makeVictim, unknownFiles, type Victim } from './outcomes.ts';

let victim: Victim;
before(async (context) => {
  victim = await makeVictim(context as TestContext);
});

test('the torture knows every file of a data directory', async () => {
  assert.deepEqual(await unknownFiles(victim), []);
});

test('any one damage to any one file is refused or harmless, as the table of docs/durability.md says', async () => {
  const table = await outcomeTable(victim);
  // The run that makes the table is the run that proves it: `npm run regenerate` in this package writes it into the document.
  if (process.env['CONCLAVE_WRITE'] === 'outcomes') writeFileSync(document, withTable(readDocument(), table));
  if (process.env['CONCLAVE_SHOW'] === 'outcomes') console.log(table);
  assert.equal(tableIn(readDocument()), table);
});

test('the document names a test for each event that is more than damage to a file, and there is such a test', () => {
  const elsewhere = ['../../../testkit/src/pressure/old-copy.test.ts'];
  const tests = [...readdirSync(import.meta.dirname).filter((name) => name.endsWith('.test.ts')), ...elsewhere]
    .map((name) => readFileSync(join(import.meta.dirname, name), 'utf8'))
    .join('\n');
  const events = [...readDocument().matchAll(/^\| .* \| \*(.+)\* \|$/gm)].map(([, name]) => name!);
  assert.ok(events.length >= 10, `${events.length} events`);
  assert.deepEqual(
    events.filter((name) => !tests.includes(name)),
    [],
  );
});
