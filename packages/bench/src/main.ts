// `npm run bench -- spine | compaction | sessions | contend` and `npm run bench:etcd`. Exit codes: 0 all targets met, 1 some missed, 2 it could not run.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CannotRunError } from './cannot-run.ts';
import { compactionText, measureCompaction } from './compaction/compaction.ts';
import { contendText, measureContention } from './contend/contend.ts';
import { compareWithEtcd, sideBySideText } from './etcd/side-by-side.ts';
import { measureSessions, sessionsText } from './sessions/sessions.ts';
import { measureSpine, spineText } from './spine.ts';

const usage = `usage: npm run bench -- spine [--seconds N] [--directory DIR] [--json]
       npm run bench -- compaction [--keys N] [--seconds N] [--directory DIR] [--json]
       npm run bench -- sessions [--connections N] [--sessions N] [--ttl-ms MS] [--seconds N] [--directory DIR] [--json]
       npm run bench -- contend [--clients N] [--seconds N] [--directory DIR] [--json]
       npm run bench:etcd -- [--quick] [--directory DIR] [--json]`;

/** On the disk of the working copy, in a folder that nobody commits. */
const defaultDirectory = join(import.meta.dirname, '../../../node_modules/.cache/conclave-bench');

/** One process opens them all, and each may take a descriptor. */
const maxSessions = 15_000;

const say = (text: string): void => console.error(text);

async function main(): Promise<number> {
  const { positionals, values } = flags();
  const { directory, json } = values;
  const [command] = positionals;
  if (positionals.length !== 1) throw new CannotRunError(usage);
  if (command === 'spine') {
    const report = await measureSpine({ directory, say, seconds: secondsOf(values.seconds ?? '4') });
    console.log(spineText(report));
    if (json) console.log(JSON.stringify(report));
    return report.met ? 0 : 1;
  }
  if (command === 'compaction') {
    const seconds = secondsOf(values.seconds ?? '4');
    const report = await measureCompaction({
      directory,
      say,
      seconds,
      keys: wholeOf('keys', values.keys, 1_000, 10_000_000),
    });
    console.log(compactionText(report));
    if (json) console.log(JSON.stringify(report));
    return report.met ? 0 : 1;
  }
  if (command === 'sessions') {
    const connections = wholeOf('connections', values.connections ?? '100', 1, maxSessions);
    const sessions = wholeOf('sessions', values.sessions, connections, maxSessions);
    const ttlMs = wholeOf('ttl-ms', values['ttl-ms'], 1_000, 300_000);
    const seconds = secondsOf(values.seconds ?? '20');
    const report = await measureSessions({ directory, say, seconds, connections, sessions, ttlMs });
    console.log(sessionsText(report));
    if (json) console.log(JSON.stringify(report));
    return report.met ? 0 : 1;
  }
  if (command === 'contend') {
    const clients = wholeOf('clients', values.clients, 2, 1_000);
    const seconds = secondsOf(values.seconds ?? '10');
    const report = await measureContention({ directory, say, seconds, clients });
    console.log(contendText(report));
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
    /** Each command has its own measure of it. */
    readonly seconds?: string;
    readonly keys: string;
    readonly connections?: string;
    readonly sessions: string;
    readonly clients: string;
    readonly 'ttl-ms': string;
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
        seconds: { type: 'string' },
        keys: { type: 'string', default: '1000000' },
        connections: { type: 'string' },
        sessions: { type: 'string', default: '10000' },
        clients: { type: 'string', default: '50' },
        'ttl-ms': { type: 'string', default: '10000' },
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

function wholeOf(flag: string, text: string, low: number, high: number): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= low && number <= high) return number;
  throw new CannotRunError(`--${flag} ${text}: it is a whole number from ${low} to ${high}\n${usage}`);
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof CannotRunError ? error.message : error);
  process.exitCode = 2;
}
