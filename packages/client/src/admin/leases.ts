import { type LeaseDescription, type LeaseKeysQuery, type LeaseKeysResult, wireLimits } from '@conclave/protocol';
import { type CallOptions, type WriteOptions, waitingFor } from '../call.ts';
import { type Client, coreOfClient } from '../client.ts';
import { ConclaveError } from '../error.ts';

/** A lease, or a session, which is a lease with an identity. */
export interface LeaseInfo {
  readonly id: number;
  readonly ttlMs: number;
  readonly isSession: boolean;
  /** Of a session: who it is. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Keys that end with it. */
  readonly keys: number;
  readonly holds: number;
}

/** Keys can be put under it (`lease`), and are deleted when it ends: revoked, or not kept alive for `ttlMs`. */
export async function grantLease(client: Client, options: { readonly ttlMs: number } & WriteOptions): Promise<number> {
  const { ttlMs, ...call } = options;
  const { lease } = await client.perform({ type: 'leaseGrant', ttlMs }, call);
  return lease;
}

/**
 * It lives for so many milliseconds from when this was asked. Null: there is no such lease, or none any more. Rejects with FENCED for a session:
 * nobody but its own client renews that.
 */
export async function renewLease(client: Client, lease: number, options: CallOptions = {}): Promise<number | null> {
  const core = coreOfClient(client);
  const { message } = await core.exchange.ask(
    {
      what: 'lease.renew',
      lane: core.exchange.common,
      changes: false,
      repeatable: true,
      bytes: 0,
      message: (id) => ({ type: 'keepalive', id, leases: [lease] }),
    },
    waitingFor(core, options),
  );
  if (message.type !== 'keepaliveAnswer') throw new ConclaveError('PROTOCOL', `answered by ${message.type}`);
  const [standing] = message.leases;
  if (standing === undefined) throw new ConclaveError('FENCED', `lease ${lease} is a session of another client`);
  return standing.ttlMs;
}

/** Of a session, too: what it holds is free after its ttl. False: there was none. */
export async function revokeLease(client: Client, lease: number, options: WriteOptions = {}): Promise<boolean> {
  const { existed } = await client.perform({ type: 'leaseRevoke', lease }, options);
  return existed;
}

/** Null: there is none, or none any more. */
export async function inspectLease(
  client: Client,
  lease: number,
  options: CallOptions = {},
): Promise<LeaseInfo | null> {
  const found = await client.perform({ type: 'lease', lease }, options);
  return found.lease === null ? null : infoOf(found.lease);
}

/** Leases and sessions, in the order of their ids; fetched a thousand at a time. */
export async function* listLeases(client: Client, options: CallOptions = {}): AsyncGenerator<LeaseInfo, void, void> {
  let after = 0;
  for (;;) {
    const operation = { type: 'leases', after, limit: 0 } as const;
    const page: { readonly leases: readonly LeaseDescription[]; readonly more: boolean } = await client.perform(
      operation,
      options,
    );
    for (const lease of page.leases) yield infoOf(lease);
    const last = page.leases.at(-1);
    if (!page.more || last === undefined) return;
    after = last.lease;
  }
}

/** What each has left, at least; sessions and leases of others too. Renews nothing. Null: there is none, or none any more. */
export async function leaseTimesLeft(
  client: Client,
  leases: readonly number[],
  options: CallOptions = {},
): Promise<(number | null)[]> {
  const core = coreOfClient(client);
  const left: (number | null)[] = [];
  for (let from = 0; from < leases.length; from += wireLimits.maxLeasesPerKeepalive) {
    const asked = leases.slice(from, from + wireLimits.maxLeasesPerKeepalive);
    const { message } = await core.exchange.ask(
      {
        what: 'lease.times',
        lane: core.exchange.common,
        changes: false,
        repeatable: true,
        bytes: 0,
        message: (id) => ({ type: 'leaseTimes', id, leases: asked }),
      },
      waitingFor(core, options),
    );
    if (message.type !== 'leaseTimesAnswer') throw new ConclaveError('PROTOCOL', `answered by ${message.type}`);
    for (const { remainingMs } of message.leases) left.push(remainingMs);
  }
  return left;
}

/** Keys that end with it, in their order, what it publishes as a leader among them; fetched a thousand at a time. */
export async function* listLeaseKeys(
  client: Client,
  lease: number,
  options: CallOptions = {},
): AsyncGenerator<Uint8Array, void, void> {
  let after: Uint8Array | null = null;
  for (;;) {
    const operation: LeaseKeysQuery = { type: 'leaseKeys', lease, after, limit: 0 };
    const page: LeaseKeysResult = await client.perform<LeaseKeysQuery>(operation, options);
    for (const key of page.keys) yield key.slice();
    const last = page.keys.at(-1);
    if (!page.more || last === undefined) return;
    after = last.slice();
  }
}

function infoOf({ holds, isSession, keys, lease, metadata, ttlMs }: LeaseDescription): LeaseInfo {
  return { id: lease, ttlMs, isSession, metadata, keys, holds };
}
