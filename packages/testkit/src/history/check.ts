// Judges a history file: `node --import tsx --conditions=conclave-source packages/testkit/src/history/check.ts FILE`.
// Exit code 0: nothing wrong; 1: a violation; 2: no verdict (usage, unreadable file, or too much to decide).
import { parseArgs } from 'node:util';
import { type CheckOptions, checkHistory } from './checkers.ts';
import { readHistory } from './reader.ts';

const usage = 'usage: check.ts FILE [--truth-from REVISION] [--stopped CLIENT,…] [--max-configurations N]';

try {
  process.exitCode = main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}

function main(): number {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      'truth-from': { type: 'string' },
      stopped: { type: 'string' },
      'max-configurations': { type: 'string' },
    },
  });
  const [path] = positionals;
  if (path === undefined || positionals.length > 1) throw new Error(usage);
  const options: CheckOptions = {
    truthFrom: positive('--truth-from', values['truth-from'] ?? '1'),
    stoppedClients: new Set(values.stopped?.split(',')),
    ...(values['max-configurations'] !== undefined && {
      maxConfigurations: positive('--max-configurations', values['max-configurations']),
    }),
  };
  const records = readHistory(path);
  let violations = 0;
  let undecided = 0;
  for (const verdict of checkHistory(records, options)) {
    console.log(`${verdict.checker}: ${verdict.judged} judged, ${verdict.violations.length} violations`);
    for (const { rule, message } of verdict.violations) console.log(`  [${rule}] ${message.replaceAll('\n', '\n  ')}`);
    for (const what of verdict.undecided) console.log(`  [undecided] ${what}`);
    violations += verdict.violations.length;
    undecided += verdict.undecided.length;
  }
  if (violations > 0) return 1;
  return undecided > 0 ? 2 : 0;
}

function positive(option: string, text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1)
    throw new Error(`${option} must be a positive integer, is ${text}\n${usage}`);
  return number;
}
