// `npm run moves -- --requests 100000`: a session that is moved between three members while it writes. Fails unless each request had exactly one effect.
import { parseArgs } from 'node:util';
import { movesText, runMoves } from './run.ts';

const { values } = parseArgs({ options: { requests: { type: 'string', default: '100000' } } });
const requests = Number(values.requests);
if (!Number.isSafeInteger(requests) || requests < 1 || requests > 10_000_000) {
  console.error(`--requests: a whole number from 1 to 10000000, not ${JSON.stringify(values.requests)}`);
  process.exit(2);
}
const report = await runMoves({ requests, outstanding: 128, answersAMove: 200 });
console.log(movesText(report));
process.exitCode = report.wrong.length === 0 && report.isHeld ? 0 : 1;
