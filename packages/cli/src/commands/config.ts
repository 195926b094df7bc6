import {
  type ConfigDiffOptions,
  configDiff,
  configHistory,
  type Difference,
  type KeyRevision,
  rollbackConfig,
} from '@conclave/client/history';
import { clientOptions, reasonOf, reasonOption, timeoutOf, withClient } from '../client.ts';
import type { Arguments, Command } from '../command.ts';
import { exitCode, UsageError } from '../exit.ts';
import { jsonValue, printJson, printTable } from '../output.ts';
import { actionOf, takeOne } from './actions.ts';

const maxRevision = Number.MAX_SAFE_INTEGER;
const maxLimit = 1_000;
const defaultLimit = 20;
/** Of a value in a table. */
const maxShownCharacters = 60;

export const config: Command = {
  name: 'config',
  usage: 'history NAME | diff NAME | rollback NAME --to N',
  summary: [
    'What became of a document, the key config/NAME: who changed it and why, what changed, and how to have it again.',
    '  history    the newest first, as far back as the cluster keeps history',
    '             --json: {name,revisions:[{revision,type,value?,encoding?,version?,author,reason,time}],next,compacted}',
    '  diff       what it is now against what it was before, or between two revisions',
    '             --json: {name,from,to,differences:[{op,path,previous?,value?}]}; exits with 1 when there is no document',
    '  rollback   writes what it was at a revision as a new revision',
    '             --json: {name,revision,restored,changed}; exits with 1 when somebody else wrote meanwhile',
  ].join('\n'),
  options: {
    limit: { type: 'string', value: 'N', help: `history: at most so many, ${defaultLimit} if not given` },
    before: { type: 'string', value: 'N', help: 'history: only what was written before this revision' },
    from: { type: 'string', value: 'N', help: 'diff: as it was at this revision' },
    to: { type: 'string', value: 'N', help: 'diff, rollback: as it was at this revision' },
    ...reasonOption,
    ...clientOptions,
  },
  run: async (parsed) => actionOf('config', { history, diff, rollback }, parsed)(parsed),
};

async function history(parsed: Arguments): Promise<number> {
  const name = takeOne('config', 'NAME', parsed);
  const limit = parsed.number('limit', 1, maxLimit, defaultLimit);
  const before = parsed.number('before', 1, maxRevision, maxRevision);
  const options = { limit, before, timeoutMs: timeoutOf(parsed) };
  const { compacted, next, revisions } = await withClient(parsed, (client) => configHistory(client, name, options));
  if (parsed.flag('json')) printJson({ name, revisions: revisions.map(jsonRevision), next, compacted });
  else {
    printTable([['REVISION', 'TIME', 'AUTHOR', 'REASON', 'VALUE'], ...revisions.map(row)]);
    if (next !== null) console.error(`there may be more: --before ${next}`);
    if (compacted !== null) console.error(`what was before revision ${compacted} is compacted`);
  }
  return revisions.length === 0 ? exitCode.negative : exitCode.ok;
}

function jsonRevision({ author, entry, reason, revision, wallTimeMs }: KeyRevision): Readonly<Record<string, unknown>> {
  const what = entry === null ? { type: 'delete' } : { type: 'put', ...jsonValue(entry.value), version: entry.version };
  return { revision, ...what, author, reason, time: timeOf(wallTimeMs) };
}

function row({ author, entry, reason, revision, wallTimeMs }: KeyRevision): string[] {
  const value = entry === null ? '(deleted)' : shortened(entry.text());
  return [`${revision}`, timeOf(wallTimeMs) ?? '-', author ?? '-', reason ?? '-', value];
}

function timeOf(wallTimeMs: number | null): string | null {
  return wallTimeMs === null ? null : new Date(wallTimeMs).toISOString();
}

function shortened(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ');
  return line.length <= maxShownCharacters ? line : `${line.slice(0, maxShownCharacters - 1)}…`;
}

async function diff(parsed: Arguments): Promise<number> {
  const name = takeOne('config', 'NAME', parsed);
  const [from, to] = [parsed.number('from', 1, maxRevision), parsed.number('to', 1, maxRevision)];
  const options: ConfigDiffOptions = {
    timeoutMs: timeoutOf(parsed),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  };
  const found = await withClient(parsed, (client) => configDiff(client, name, options));
  if (parsed.flag('json')) {
    printJson({ name, ...found });
    return exitCode.ok;
  }
  console.error(`config ${name}: from ${found.from ?? 'nothing'} to ${found.to ?? 'nothing'}`);
  for (const one of found.differences) console.log(lineOf(one));
  return exitCode.ok;
}

function lineOf(difference: Difference): string {
  const path = difference.path === '' ? '(all)' : difference.path;
  if (difference.op === 'add') return `+ ${path}  ${JSON.stringify(difference.value)}`;
  if (difference.op === 'remove') return `- ${path}  ${JSON.stringify(difference.previous)}`;
  return `~ ${path}  ${JSON.stringify(difference.previous)} → ${JSON.stringify(difference.value)}`;
}

async function rollback(parsed: Arguments): Promise<number> {
  const name = takeOne('config', 'NAME', parsed);
  const to = parsed.number('to', 1, maxRevision);
  if (to === undefined) throw new UsageError('config rollback: --to is missing');
  const options = { to, timeoutMs: timeoutOf(parsed), ...reasonOf(parsed) };
  const done = await withClient(parsed, (client) => rollbackConfig(client, name, options));
  if (!done.ok) {
    console.error(
      `conclave config: ${name} was not rolled back: it was written at ${done.current?.modRevision ?? 'no revision'} meanwhile`,
    );
    return exitCode.negative;
  }
  const { changed, restored, revision } = done;
  if (parsed.flag('json')) printJson({ name, revision, restored, changed });
  else if (changed) console.log(`${name} is again what it was at ${restored}, at revision ${revision}`);
  else console.log(`${name} is what it was at ${restored}, nothing was written`);
  return exitCode.ok;
}
