import type { WatchBatch } from '@conclave/client';
import { ConclaveError, clientOptions, withClient } from '../client.ts';
import type { Command } from '../command.ts';
import { exitCode } from '../exit.ts';
import { jsonEntry, jsonValue, printJson, sayCells } from '../output.ts';
import { chosen } from './keys.ts';

export const watch: Command = {
  name: 'watch',
  usage: 'KEY | --prefix P',
  summary: 'Prints every change, one line a change (with --json one a revision), until it is interrupted.',
  options: {
    prefix: { type: 'string', value: 'P', help: 'all keys that begin with P' },
    from: { type: 'string', value: 'N', help: 'from this revision on, instead of from now on' },
    snapshot: { type: 'boolean', help: 'first what there is' },
    ...clientOptions,
    'timeout-ms': { type: 'string', value: 'MS', help: 'how long it may take to reach the cluster (10000)' },
  },
  run: async (parsed) => {
    const interrupted = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
    const selector = chosen(parsed);
    const from = parsed.number('from', 1, Number.MAX_SAFE_INTEGER);
    const start = from === undefined ? ({ initial: parsed.flag('snapshot') ? 'snapshot' : 'none' } as const) : { from };
    const print = parsed.flag('json') ? printJsonBatch : printBatch;
    return withClient(parsed, async (client) => {
      const { signal } = interrupted;
      try {
        for await (const batch of client.watch(selector, { ...start, signal })) print(batch);
      } catch (error) {
        if (!(signal.aborted && ConclaveError.is(error, 'CANCELLED'))) throw error;
      }
      return exitCode.ok;
    });
  },
};

function printJsonBatch(batch: WatchBatch): void {
  if (batch.type === 'progress') return;
  if (batch.type === 'snapshot') {
    return printJson({ revision: batch.revision, snapshot: batch.entries.map(jsonEntry), complete: batch.last });
  }
  const events = batch.events.map((event) =>
    event.type === 'put'
      ? { type: 'put', key: event.key, ...jsonValue(event.entry.value) }
      : { type: 'delete', key: event.key },
  );
  printJson({ revision: batch.revision, events });
}

function printBatch(batch: WatchBatch): void {
  if (batch.type === 'progress') return;
  if (batch.type === 'snapshot') {
    for (const entry of batch.entries) sayCells([`${entry.modRevision}`, 'have', entry.key, entry.text()]);
    return;
  }
  for (const event of batch.events) {
    const cells = event.type === 'put' ? ['put', event.key, event.entry.text()] : ['delete', event.key];
    sayCells([`${batch.revision}`, ...cells]);
  }
}
