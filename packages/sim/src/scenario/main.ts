// `npm run scenarios` runs all scenarios and shows where they differ from what is written; `-- NAME…` only those whose name contains a NAME;
// `-- --rewrite` writes down what they print now, for a person to read in the difference of the commit.
import { writeFileSync } from 'node:fs';
import { inspect, parseArgs } from 'node:util';
import { scenarioNames, scenarioPath, scenarioText } from './files.ts';
import { runScenario, type ScenarioResult } from './run.ts';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { rewrite: { type: 'boolean', default: false } },
});
const names = scenarioNames().filter(
  (name) => positionals.length === 0 || positionals.some((part) => name.includes(part)),
);
let failed = 0;
let rewritten = 0;

for (const name of names) {
  const text = scenarioText(name);
  const result = attempt(name, text);
  if (result === null) continue;
  if (values.rewrite) {
    if (result.text !== text) {
      writeFileSync(scenarioPath(name), result.text);
      console.log(`rewritten: ${name}`);
      rewritten++;
    }
  } else if (result.differences.length > 0) {
    failed++;
    console.log(`${name}\n${result.differences.join('\n')}\n`);
  }
}

if (names.length === 0) console.error('there is no such scenario');
console.log(
  values.rewrite && failed === 0
    ? `${rewritten} of ${names.length} rewritten`
    : `${names.length - failed} passed, ${failed} failed`,
);
process.exitCode = names.length === 0 || failed > 0 ? 1 : 0;

/** Null when it cannot be run to its end, which is said. */
function attempt(name: string, text: string): ScenarioResult | null {
  try {
    return runScenario(text);
  } catch (error) {
    failed++;
    console.log(`${name}\n${inspect(error)}\n`);
    return null;
  }
}
