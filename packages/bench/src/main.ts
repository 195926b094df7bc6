// `npm run bench -- spine`, `npm run bench -- compaction` and `npm run bench:etcd`. Exit codes: 0 all targets met, 1 some missed, 2 it could not run.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CannotRunError } from './cannot-run.ts';
import { compactionText, measureCompaction } from './compaction/compaction.ts';
import { compareWithEtcd, sideBySideText } from './etcd/side-by-side.ts';
import { measureSpine, spineText } from './spine.ts';

const usage = `usage: npm run bench -- spine [--seconds N] [--directory DIR] [--json]
       npm run bench -- compaction [--keys N] [--seconds N] [--directory DIR] [--json]
       npm run bench:etcd -- [--quick] [--directory DIR] [--json]`;

/** On the disk of the working copy, in a folder that nobody commits. */
const defaultDirectory = join(import.meta.dirname, '../../../node_modules/.cache/conclave-bench');

const say = (text: string): void => console.error(text);

async function main(): Promise<number> {
  const { positionals, values } = flags();
  const { directory, json } = values;
  const [command] = positionals;
  if (positionals.length !== 1) throw new CannotRunError(usage);
  if (command === 'spine') {
    const report = await measureSpine({ directory, say, seconds: secondsOf(values.seconds) });
    console.log(spineText(report));
    if (json) console.log(JSON.stringify(report));
    return report.met ? 0 : 1;
  }
  if (command === 'compaction') {
    const seconds = secondsOf(values.seconds);
    const report = await measureCompaction({ directory, say, seconds, keys: keysOf(values.keys) });
    console.log(compactionText(report));
    if (json) console.log(JSON.stringify(report));
    return report.met ? 0 : 1;
  }
  if (command === 'etcd') {
    const report = await compareWithEtcd({ directory, say, quick: values.quick });
    console.log(sideBySideText(report));
    const { rows, ...others } = report;
    if (json) console.log(JSON.stringify({ rows, ...others }));
    return rows.every(({ met }) => met) ? 0 : 1;
  }
  throw new CannotRunError(usage);
}

interface Flags {
  readonly positionals: readonly string[];
  readonly values: {
    readonly seconds: string;
    readonly keys: string;
    readonly directory: string;
    readonly quick: boolean;
    readonly json: boolean;
  };
}

function flags(): Flags {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        seconds: { type: 'string', default: '4' },
        keys: { type: 'string', default: '1000000' },
        directory: { type: 'string', default: defaultDirectory },
        quick: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new CannotRunError(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
  }
}

/** Of each run. */
function secondsOf(text: string): number {
  const seconds = Number(text);
  if (seconds >= 0.5 && seconds <= 600) return seconds;
  throw new CannotRunError(`--seconds ${text}: it is between 0.5 and 600\n${usage}`);
}

/** In the state that is compacted. */
function keysOf(text: string): number {
  const keys = Number(text);
  if (Number.isInteger(keys) && keys >= 1_000 && keys <= 10_000_000) return keys;
  throw new CannotRunError(`--keys ${text}: it is between 1000 and 10000000\n${usage}`);
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof CannotRunError ? error.message : error);
  process.exitCode = 2;
}
