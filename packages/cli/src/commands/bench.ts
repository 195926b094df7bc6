import { type LoadReport, runLoad, type Work, works } from '@conclave/load';
import { endpointOptions, endpointsOf } from '../client.ts';
import type { Arguments, Command } from '../command.ts';
import { exitCode, UsageError } from '../exit.ts';
import { printJson, printTable } from '../output.ts';

export const bench: Command = {
  name: 'bench',
  usage: works.join('|'),
  summary:
    'Puts a load on the cluster and says how it did. With --verify it looks afterwards for every acknowledged write.\nIt writes keys of its own, and deletes them at the end; their history stays until it is compacted.',
  options: {
    connections: { type: 'string', value: 'N', help: 'clients, each with a connection (grows with --outstanding)' },
    outstanding: { type: 'string', value: 'N', help: 'operations under way at a time, over all connections (1)' },
    'value-bytes': { type: 'string', value: 'N', help: 'size of a value (256)' },
    keys: { type: 'string', value: 'N', help: 'different keys (10000)' },
    seconds: { type: 'string', value: 'N', help: 'how long (10)' },
    rate: { type: 'string', value: 'N', help: 'so many operations a second, instead of as many as it takes' },
    verify: {
      type: 'boolean',
      help: 'every acknowledged write must be there afterwards; exits with 1 if one is missing',
    },
    ...endpointOptions,
  },
  run: async (parsed) => {
    const interrupted = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
    const report = await load(parsed, interrupted.signal);
    if (parsed.flag('json')) printJson(report);
    else print(report);
    return report.verified !== null && report.verified.missing > 0 ? exitCode.negative : exitCode.ok;
  },
};

async function load(parsed: Arguments, signal: AbortSignal): Promise<LoadReport> {
  const options = {
    work: workOf(parsed),
    endpoints: endpointsOf(parsed),
    verify: parsed.flag('verify'),
    signal,
    ...only('connections', number(parsed, 'connections')),
    ...only('outstanding', number(parsed, 'outstanding')),
    ...only('valueBytes', number(parsed, 'value-bytes')),
    ...only('keys', number(parsed, 'keys')),
    ...only('seconds', number(parsed, 'seconds')),
    ...only('rate', number(parsed, 'rate')),
  };
  try {
    return await runLoad(options);
  } catch (error) {
    // The load names the option and its limits.
    if (error instanceof RangeError) throw new UsageError(error.message);
    throw error;
  }
}

function workOf({ positionals }: Arguments): Work {
  const [text, ...more] = positionals;
  const work = works.find((one) => one === text);
  if (work === undefined || more.length > 0) throw new UsageError(`one WORK of ${works.join(', ')}`);
  return work;
}

function number(parsed: Arguments, name: string): number | undefined {
  return parsed.number(name, 0, Number.MAX_SAFE_INTEGER);
}

function only<Name extends string>(name: Name, value: number | undefined): { readonly [N in Name]?: number } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [N in Name]?: number });
}

function print(report: LoadReport): void {
  const { errors, longestGapMs, opsPerSecond, p50Ms, p99Ms, unknown, verified } = report;
  printTable([
    ['operations/s', opsPerSecond.toFixed(0)],
    ['p50', `${p50Ms.toFixed(2)} ms`],
    ['p99', `${p99Ms.toFixed(2)} ms`],
    ['errors', `${errors}`],
    ['outcome unknown', `${unknown}`],
    ['longest gap', `${longestGapMs.toFixed(0)} ms`],
    ...(verified === null ? [] : [['acknowledged, missing', `${verified.acknowledged}, ${verified.missing}`]]),
  ]);
}
