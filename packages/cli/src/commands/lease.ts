import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@conclave/client';
import { grantLease, inspectLease, type LeaseInfo, listLeases, renewLease, revokeLease } from '@conclave/client/admin';
import { clientOptions, reasonOf, reasonOption, timeoutOf, withClient } from '../client.ts';
import type { Arguments, Command } from '../command.ts';
import { exitCode, UsageError } from '../exit.ts';
import { printJson, printTable } from '../output.ts';
import { actionOf, takeId, takeNothing } from './actions.ts';

const minTtlMs = 1_000;
const maxTtlMs = 300_000;
/** Renewals to one time to live: one may be lost, and the next one comes in time. */
const renewalsPerTtl = 3;

export const lease: Command = {
  name: 'lease',
  usage: 'grant --ttl-ms MS | keepalive ID | revoke ID | list | show ID',
  summary: [
    'Leases that no session is behind: keys put under one are deleted when it ends.',
    '  grant      a new one                  --json: {id,ttlMs}',
    '  keepalive  renews it until it is interrupted, or once with --once',
    '                                        --json: a line {id,ttlMs} for each renewal; exits with 1 when it has ended',
    '  revoke     ends it now                --json: {id,revoked}; exits with 1 when there is none',
    '  list       all of them                --json: {leases:[LEASE]}',
    '  show       one of them                --json: LEASE; exits with 1 when there is none',
    'LEASE: {id,ttlMs,keys}.',
  ].join('\n'),
  options: {
    'ttl-ms': { type: 'string', value: 'MS', help: 'grant: without a renewal for so long it ends, never sooner' },
    once: { type: 'boolean', help: 'keepalive: one renewal' },
    ...reasonOption,
    ...clientOptions,
  },
  run: async (parsed) => actionOf('lease', { grant, keepalive, revoke, list, show }, parsed)(parsed),
};

async function grant(parsed: Arguments): Promise<number> {
  takeNothing('lease', parsed);
  const ttlMs = parsed.number('ttl-ms', minTtlMs, maxTtlMs);
  if (ttlMs === undefined) throw new UsageError('lease grant: --ttl-ms is missing');
  const options = { ttlMs, timeoutMs: timeoutOf(parsed), ...reasonOf(parsed) };
  const id = await withClient(parsed, async (client) => grantLease(client, options));
  if (parsed.flag('json')) printJson({ id, ttlMs });
  else console.log(`${id}`);
  return exitCode.ok;
}

async function keepalive(parsed: Arguments): Promise<number> {
  const id = takeId('lease', parsed);
  return withClient(parsed, async (client) => {
    const known = await inspectLease(client, id, { timeoutMs: timeoutOf(parsed) });
    if (known === null || known.isSession) return absent(id, known);
    return renewWhileWanted(parsed, client, id, known.ttlMs);
  });
}

async function renewWhileWanted(parsed: Arguments, client: Client, id: number, wholeMs: number): Promise<number> {
  const interrupted = new AbortController();
  const interrupt = (): void => interrupted.abort();
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  for (;;) {
    // A cluster without a leader for a moment is waited for, as long as the lease may live.
    const ttlMs = await renewLease(client, id, { timeoutMs: parsed.flag('once') ? timeoutOf(parsed) : wholeMs });
    if (ttlMs === null) return absent(id, null);
    if (parsed.flag('json')) printJson({ id, ttlMs });
    else console.log(`lease ${id} lives for another ${ttlMs} ms`);
    if (parsed.flag('once')) return exitCode.ok;
    await sleep(ttlMs / renewalsPerTtl, undefined, { signal: interrupted.signal }).catch(() => {});
    if (interrupted.signal.aborted) return exitCode.ok;
  }
}

async function revoke(parsed: Arguments): Promise<number> {
  const id = takeId('lease', parsed);
  const timeoutMs = timeoutOf(parsed);
  return withClient(parsed, async (client) => {
    const known = await inspectLease(client, id, { timeoutMs });
    if (known !== null && known.isSession) return absent(id, known);
    const revoked = await revokeLease(client, id, { timeoutMs, ...reasonOf(parsed) });
    if (parsed.flag('json')) printJson({ id, revoked });
    else if (revoked) console.log(`lease ${id} is revoked`);
    return revoked ? exitCode.ok : absent(id, null);
  });
}

async function list(parsed: Arguments): Promise<number> {
  takeNothing('lease', parsed);
  const leases = await withClient(parsed, async (client) => {
    const found: LeaseInfo[] = [];
    for await (const one of listLeases(client, { timeoutMs: timeoutOf(parsed) })) if (!one.isSession) found.push(one);
    return found;
  });
  if (parsed.flag('json')) printJson({ leases: leases.map(jsonLease) });
  else {
    printTable([['ID', 'TTL MS', 'KEYS'], ...leases.map(({ id, keys, ttlMs }) => [`${id}`, `${ttlMs}`, `${keys}`])]);
  }
  return exitCode.ok;
}

async function show(parsed: Arguments): Promise<number> {
  const id = takeId('lease', parsed);
  const found = await withClient(parsed, async (client) => inspectLease(client, id, { timeoutMs: timeoutOf(parsed) }));
  if (found === null || found.isSession) return absent(id, found);
  if (parsed.flag('json')) printJson(jsonLease(found));
  else {
    printTable([
      ['lease', `${id}`],
      ['ttl', `${found.ttlMs} ms`],
      ['keys', `${found.keys}`],
    ]);
  }
  return exitCode.ok;
}

function jsonLease({ id, keys, ttlMs }: LeaseInfo): Readonly<Record<string, unknown>> {
  return { id, ttlMs, keys };
}

function absent(id: number, found: LeaseInfo | null): number {
  const why = found === null ? 'there is no such lease' : 'it is a session: `conclave session` knows it';
  console.error(`conclave lease: ${id}: ${why}`);
  return exitCode.negative;
}
