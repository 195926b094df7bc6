import { inspectLease, type LeaseInfo, listLeases, revokeLease } from '@conclave/client/admin';
import { clientOptions, reasonOf, reasonOption, timeoutOf, withClient } from '../client.ts';
import type { Arguments, Command } from '../command.ts';
import { exitCode } from '../exit.ts';
import { complain, printJson, printTable, say } from '../output.ts';
import { actionOf, takeId, takeNothing } from './actions.ts';

export const session: Command = {
  name: 'session',
  usage: 'list | show ID | end ID',
  summary: [
    'Sessions of clients: what locks, leaderships and keys hang on.',
    '  list  all of them           --json: {sessions:[SESSION]}',
    '  show  one of them           --json: SESSION; exits with 1 when there is none',
    '  end   ends it for its client, which is told. What it held is granted on after its ttl, by when its signals have aborted.',
    '                              --json: {id,ended}; exits with 1 when there is none',
    'SESSION: {id,ttlMs,keys,holds,metadata}; keys that are deleted with it, locks and leaderships that it holds, who it says it is.',
  ].join('\n'),
  options: { ...reasonOption, ...clientOptions },
  run: async (parsed) => actionOf('session', { list, show, end }, parsed)(parsed),
};

async function list(parsed: Arguments): Promise<number> {
  takeNothing('session', parsed);
  const sessions = await withClient(parsed, async (client) => {
    const found: LeaseInfo[] = [];
    for await (const one of listLeases(client, { timeoutMs: timeoutOf(parsed) })) if (one.isSession) found.push(one);
    return found;
  });
  if (parsed.flag('json')) printJson({ sessions: sessions.map(jsonSession) });
  else {
    const rows = sessions.map(({ holds, id, keys, metadata, ttlMs }) => {
      return [`${id}`, `${ttlMs}`, `${keys}`, `${holds}`, who(metadata)];
    });
    printTable([['ID', 'TTL MS', 'KEYS', 'HOLDS', 'WHO'], ...rows]);
  }
  return exitCode.ok;
}

async function show(parsed: Arguments): Promise<number> {
  const id = takeId('session', parsed);
  const found = await withClient(parsed, async (client) => inspectLease(client, id, { timeoutMs: timeoutOf(parsed) }));
  if (found === null || !found.isSession) return absent(id, found);
  if (parsed.flag('json')) printJson(jsonSession(found));
  else {
    const { holds, keys, metadata, ttlMs } = found;
    printTable([
      ['session', `${id}`],
      ['ttl', `${ttlMs} ms`],
      ['keys', `${keys}`],
      ['holds', `${holds}`],
      ...Object.entries(metadata),
    ]);
  }
  return exitCode.ok;
}

async function end(parsed: Arguments): Promise<number> {
  const id = takeId('session', parsed);
  const timeoutMs = timeoutOf(parsed);
  return withClient(parsed, async (client) => {
    const found = await inspectLease(client, id, { timeoutMs });
    if (found !== null && !found.isSession) return absent(id, found);
    const ended = await revokeLease(client, id, { timeoutMs, ...reasonOf(parsed) });
    if (parsed.flag('json')) printJson({ id, ended });
    else if (ended) say(`session ${id} is ended`);
    if (!ended) return absent(id, null);
    return exitCode.ok;
  });
}

function jsonSession({ holds, id, keys, metadata, ttlMs }: LeaseInfo): Readonly<Record<string, unknown>> {
  return { id, ttlMs, keys, holds, metadata };
}

/** In the words of the session itself. */
export function who(metadata: Readonly<Record<string, string>>): string {
  return Object.entries(metadata)
    .map(([name, text]) => `${name}=${text}`)
    .join(' ');
}

function absent(id: number, found: LeaseInfo | null): number {
  const why = found === null ? 'there is no such session' : 'it is a lease: `conclave lease` knows it';
  complain(`conclave session: ${id}: ${why}`);
  return exitCode.negative;
}
