// `npm run scenarios` runs all scenarios and shows where they differ from what is written; `-- NAME…` only those whose name contains a NAME;
// `-- --rewrite` writes down what they print now, for a person to read in the difference of the commit.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { scenarioNames, scenarioPath, scenarioText } from './files.ts';
import { runScenario } from './run.ts';

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
  const result = runScenario(text);
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
  values.rewrite ? `${rewritten} of ${names.length} rewritten` : `${names.length - failed} passed, ${failed} failed`,
);
process.exitCode = names.length === 0 || failed > 0 ? 1 : 0;
