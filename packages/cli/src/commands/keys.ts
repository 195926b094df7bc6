import { readFileSync } from 'node:fs';
import type { Selector } from '@conclave/client';
import {
  clientOptions,
  consistencyOf,
  consistencyOption,
  reasonOf,
  reasonOption,
  timeoutOf,
  withClient,
} from '../client.ts';
import type { Arguments, Command } from '../command.ts';
import { exitCode, UsageError } from '../exit.ts';
import { complain, jsonEntry, printBytes, printJson, sayCells } from '../output.ts';

const maxRevision = Number.MAX_SAFE_INTEGER;

export const put: Command = {
  name: 'put',
  usage: 'KEY VALUE',
  summary: 'Writes a key. A VALUE of - is read from standard input.',
  options: {
    'if-revision': {
      type: 'string',
      value: 'N',
      help: 'only if the key was last written at N; 0: only if it is not there',
    },
    ...reasonOption,
    ...clientOptions,
  },
  run: async (parsed) => {
    const [key, value] = take(parsed, 2, 'KEY VALUE');
    const ifRevision = parsed.number('if-revision', 0, maxRevision);
    const bytes = value === '-' ? new Uint8Array(readFileSync(0)) : value;
    const options = { ...reasonOf(parsed), timeoutMs: timeoutOf(parsed) };
    const done = await withClient(parsed, (client) =>
      client.put(key, bytes, ifRevision === undefined ? options : { ...options, ifRevision }),
    );
    if (!done.ok) {
      const present = done.current === null ? 'it is not there' : `it was last written at ${done.current.modRevision}`;
      complain(`conclave put: ${key} was not written: ${present}`);
      return exitCode.negative;
    }
    if (parsed.flag('json')) printJson({ revision: done.revision });
    return exitCode.ok;
  },
};

export const get: Command = {
  name: 'get',
  usage: 'KEY',
  summary: 'Prints the value of a key. Exits with 1 when there is none.',
  options: {
    revision: { type: 'string', value: 'N', help: 'as it was at this revision' },
    ...consistencyOption,
    ...clientOptions,
  },
  run: async (parsed) => {
    const [key] = take(parsed, 1, 'KEY');
    const revision = parsed.number('revision', 1, maxRevision);
    const options = { consistency: consistencyOf(parsed), timeoutMs: timeoutOf(parsed) };
    const entry = await withClient(parsed, (client) =>
      client.get(key, revision === undefined ? options : { ...options, revision }),
    );
    if (entry === null) {
      complain(`conclave get: there is no key ${key}`);
      return exitCode.negative;
    }
    if (parsed.flag('json')) printJson(jsonEntry(entry));
    else printBytes(entry.value);
    return exitCode.ok;
  },
};

export const list: Command = {
  name: 'list',
  usage: '[PREFIX]',
  summary: 'Lists keys and values, in the order of the keys.',
  options: {
    prefix: { type: 'string', value: 'P', help: 'only keys that begin with P' },
    limit: { type: 'string', value: 'N', help: 'at most so many' },
    reverse: { type: 'boolean', help: 'from the last key to the first' },
    'keys-only': { type: 'boolean', help: 'without values' },
    count: { type: 'boolean', help: 'only how many there are' },
    ...consistencyOption,
    ...clientOptions,
  },
  run: async (parsed) => {
    if (parsed.positionals.length + (parsed.has('prefix') ? 1 : 0) > 1) {
      throw new UsageError('list takes one PREFIX at most');
    }
    const prefix = parsed.text('prefix') ?? parsed.positionals[0] ?? '';
    const limit = parsed.number('limit', 1, maxRevision);
    const json = parsed.flag('json');
    const keysOnly = parsed.flag('keys-only');
    const common = {
      consistency: consistencyOf(parsed),
      timeoutMs: timeoutOf(parsed),
      reverse: parsed.flag('reverse'),
    };
    const options = limit === undefined ? common : { ...common, limit };
    return withClient(parsed, async (client) => {
      const selector = { prefix };
      if (parsed.flag('count')) {
        const { count, revision } = await client.list(selector, { ...common, countOnly: true });
        if (json) printJson({ revision, count });
        else console.log(count);
        return exitCode.ok;
      }
      const { entries, more, revision } = await client.list(selector, options);
      if (json) {
        printJson({
          revision,
          entries: entries.map((entry) => (keysOnly ? { key: entry.key } : jsonEntry(entry))),
          more,
        });
      } else {
        for (const entry of entries) sayCells(keysOnly ? [entry.key] : [entry.key, entry.text()]);
        if (more) console.error('there are more');
      }
      return exitCode.ok;
    });
  },
};

export const remove: Command = {
  name: 'delete',
  usage: 'KEY | --prefix P',
  summary: 'Deletes a key, or all that begin with P. Exits with 1 when there was none.',
  options: {
    prefix: { type: 'string', value: 'P', help: 'all keys that begin with P' },
    ...reasonOption,
    ...clientOptions,
  },
  run: async (parsed) => {
    const selector = chosen(parsed);
    const options = { ...reasonOf(parsed), timeoutMs: timeoutOf(parsed) };
    const { deleted, revision } = await withClient(parsed, (client) => client.delete(selector, options));
    if (parsed.flag('json')) printJson({ revision, deleted });
    else console.log(`${deleted} deleted`);
    return deleted === 0 ? exitCode.negative : exitCode.ok;
  },
};

/** A key, or `--prefix`: one of them. */
export function chosen(parsed: Arguments): Selector {
  const prefix = parsed.text('prefix');
  const [key, ...more] = parsed.positionals;
  if (more.length > 0) throw new UsageError(`unexpected argument ${JSON.stringify(more[0])}`);
  if (prefix !== undefined && key === undefined) return { prefix };
  if (prefix === undefined && key !== undefined) return key;
  throw new UsageError('either a KEY or --prefix P');
}

function take(parsed: Arguments, count: 1, usage: string): readonly [string];
function take(parsed: Arguments, count: 2, usage: string): readonly [string, string];
function take({ positionals }: Arguments, count: number, usage: string): readonly string[] {
  if (positionals.length !== count) {
    throw new UsageError(`${positionals.length} arguments where ${count} belong: ${usage}`);
  }
  return positionals;
}
