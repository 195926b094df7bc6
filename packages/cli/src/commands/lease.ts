import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@conclave/client';
import {
  grantLease,
  inspectLease,
  type LeaseInfo,
  leaseTimesLeft,
  listLeaseKeys,
  listLeases,
  renewLease,
  revokeLease,
} from '@conclave/client/admin';
import { clientOptions, reasonOf, reasonOption, timeoutOf, withClient } from '../client.ts';
import type { Arguments, Command } from '../command.ts';
import { onEndSignal } from '../end-signals.ts';
import { exitCode, UsageError } from '../exit.ts';
import { complain, printJson, printTable, say } from '../output.ts';
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
    '  show       one of them                --json: LEASE, with attached:[KEY] if --keys; exits with 1 when there is none',
    'LEASE: {id,ttlMs,remainingMs,keys}: how much time it has left without another renewal, how many keys end with it.',
  ].join('\n'),
  options: {
    'ttl-ms': { type: 'string', value: 'MS', help: 'grant: without a renewal for so long it ends, never sooner' },
    keys: { type: 'boolean', help: 'show: the keys, too' },
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
  else say(`${id}`);
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
  onEndSignal(interrupt);
  for (;;) {
    // A cluster without a leader for a moment is waited for, as long as the lease may live.
    const ttlMs = await renewLease(client, id, { timeoutMs: parsed.flag('once') ? timeoutOf(parsed) : wholeMs });
    if (ttlMs === null) return absent(id, null);
    if (parsed.flag('json')) printJson({ id, ttlMs });
    else say(`lease ${id} lives for another ${ttlMs} ms`);
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
    else if (revoked) say(`lease ${id} is revoked`);
    return revoked ? exitCode.ok : absent(id, null);
  });
}

async function list(parsed: Arguments): Promise<number> {
  takeNothing('lease', parsed);
  const timeoutMs = timeoutOf(parsed);
  const leases = await withClient(parsed, async (client) => {
    const found: LeaseInfo[] = [];
    for await (const one of listLeases(client, { timeoutMs })) if (!one.isSession) found.push(one);
    const ids = found.map(({ id }) => id);
    const left = await leaseTimesLeft(client, ids, { timeoutMs });
    // What has ended meanwhile is not there any more.
    return found.flatMap((one, at): Living[] => {
      const remainingMs = left[at] ?? null;
      return remainingMs === null ? [] : [{ ...one, remainingMs }];
    });
  });
  if (parsed.flag('json')) printJson({ leases: leases.map(jsonLease) });
  else {
    const rows = leases.map(({ id, keys, remainingMs, ttlMs }) => [id, ttlMs, remainingMs, keys].map(String));
    printTable([['ID', 'TTL MS', 'LEFT MS', 'KEYS'], ...rows]);
  }
  return exitCode.ok;
}

async function show(parsed: Arguments): Promise<number> {
  const id = takeId('lease', parsed);
  const timeoutMs = timeoutOf(parsed);
  return withClient(parsed, async (client) => {
    const found = await inspectLease(client, id, { timeoutMs });
    if (found === null || found.isSession) return absent(id, found);
    const [remainingMs = null] = await leaseTimesLeft(client, [id], { timeoutMs });
    if (remainingMs === null) return absent(id, null);
    const attached: string[] = [];
    if (parsed.flag('keys')) {
      for await (const key of listLeaseKeys(client, id, { timeoutMs })) attached.push(Buffer.from(key).toString());
    }
    const shown = jsonLease({ ...found, remainingMs });
    if (parsed.flag('json')) printJson(parsed.flag('keys') ? { ...shown, attached } : shown);
    else {
      printTable([
        ['lease', `${id}`],
        ['ttl', `${found.ttlMs} ms`],
        ['left', `${remainingMs} ms`],
        ['keys', `${found.keys}`],
        ...attached.map((key) => ['', key]),
      ]);
    }
    return exitCode.ok;
  });
}

type Living = LeaseInfo & { readonly remainingMs: number };

function jsonLease({ id, keys, remainingMs, ttlMs }: Living): Readonly<Record<string, unknown>> {
  return { id, ttlMs, remainingMs, keys };
}

function absent(id: number, found: LeaseInfo | null): number {
  const why = found === null ? 'there is no such lease' : 'it is a session: `conclave session` knows it';
  complain(`conclave lease: ${id}: ${why}`);
  return exitCode.negative;
}
