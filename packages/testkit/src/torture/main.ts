// `npm run torture`: everything that can befall a data directory, done to real ones, and the tables of docs/durability.md as this run
// makes them. Fails when a row comes out otherwise than the document says, or was not tried. What this machine does not allow is
// skipped by name; with CONCLAVE_REQUIRE=all that is a failure, too.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from 'node:test';
import { guard } from '../processes/guardian.ts';
import { root } from '../workspace/packages.ts';
import { type Event, eventsIn, type Outcome, outcomeOf } from './events.ts';

const fileTimeoutMs = 600_000;
const tortures = 'packages/storage/src/torture';
const files = [
  ...readdirSync(join(root, tortures))
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => join(root, tortures, name)),
  join(root, 'packages/testkit/src/pressure/old-copy.test.ts'),
];

guard();
// The test that makes the table of damages prints it then.
process.env['CONCLAVE_SHOW'] = 'outcomes';

const outcomes = new Map<string, Outcome>();
let table = '';
const stream = run({ files, concurrency: 2, timeout: fileTimeoutMs, forceExit: true });
stream.on('test:pass', ({ name, skip }) => outcomes.set(name, skip === undefined ? 'as said' : `skipped: ${skip}`));
stream.on('test:fail', ({ details, name }) => {
  outcomes.set(name, 'FAILED');
  console.log(`FAILED ${name}\n${String(details.error.cause ?? details.error)}\n`);
});
stream.on('test:stdout', ({ message }) => {
  table += message;
});
for await (const _ of stream);

console.log(`One damage to one file, and what an open makes of it:\n\n${table}`);
console.log('Events that are more than damage to a file:\n');
const events = eventsIn(readFileSync(join(root, 'docs/durability.md'), 'utf8'));
const rows = events.map((event): readonly [Event, Outcome] => [event, outcomeOf(event, outcomes)]);
for (const [{ event, happens }, outcome] of rows) console.log(`| ${event} | ${happens} | ${outcome} |`);

const all = [...outcomes.values(), ...rows.map(([, outcome]) => outcome)];
const failed = all.filter((outcome) => outcome === 'FAILED' || outcome === 'not tried').length;
const skipped = [...outcomes.values()].filter((outcome) => outcome.startsWith('skipped')).length;
console.log(
  `\n${outcomes.size - skipped} tests in ${files.length} files, ${skipped} skipped, ${failed} rows or tests failed`,
);
const lacks = process.env['CONCLAVE_REQUIRE'] === 'all' && skipped > 0;
process.exitCode = failed > 0 || events.length === 0 || table === '' || lacks ? 1 : 0;
