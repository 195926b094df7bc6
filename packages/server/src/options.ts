import { createHash } from 'node:crypto';
import type { MemberAddress, MemberId } from '@conclave/member';

export interface MemberOptions {
  /** Made at the first start; belongs to this member for ever after. */
  readonly directory: string;
  readonly id: number;
  /** Printable ASCII without spaces, at most 40 bytes. The same for all members. */
  readonly cluster: string;
  /** All founding members, this one included. */
  readonly members: readonly { readonly id: number; readonly clientUrl: string; readonly peerUrl: string }[];
  /** Where clients and browsers connect, as `host:port`. From this member's client URL if absent. */
  readonly listen?: string;
  /** Where the other members connect. From this member's peer URL if absent. */
  readonly listenPeer?: string;
  /** Origins of pages that may connect, beside the members' own. */
  readonly allowOrigins?: readonly string[];
  readonly heartbeatMs?: number;
  readonly electionMs?: number;
  /** Listen beyond this machine although there is neither encryption nor authentication yet. */
  readonly insecure?: boolean;
  /** Lines of JSON go there; standard error if absent. */
  readonly log?: { write(line: string): void };
  readonly logLevel?: 'debug' | 'info' | 'warn' | 'error' | 'silent';
}

/** What a member cannot start with, named together with what it takes instead. */
export class OptionError extends Error {
  override readonly name = 'OptionError';
}

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

const maxClusterNameBytes = 40;
const clusterName = /^[\x21-\x7e]+$/;

export function checkOptions(options: MemberOptions): void {
  const { cluster, id, members } = options;
  if (!clusterName.test(cluster) || cluster.length > maxClusterNameBytes) {
    throw new OptionError(
      `cluster name ${JSON.stringify(cluster)}: 1 to ${maxClusterNameBytes} printable ASCII characters without spaces`,
    );
  }
  if (!isMemberId(id)) throw new OptionError(`member id ${id}: a whole number from 1 to 4294967295`);
  const seen = new Set<number>();
  for (const member of members) {
    if (!isMemberId(member.id)) throw new OptionError(`member id ${member.id}: a whole number from 1 to 4294967295`);
    if (seen.has(member.id)) throw new OptionError(`member ${member.id} is given twice`);
    seen.add(member.id);
    endpointOf(member.clientUrl);
    endpointOf(member.peerUrl);
  }
  if (!seen.has(id)) throw new OptionError(`member ${id} is not among the members given: ${[...seen].join(', ')}`);
}

function isMemberId(id: number): boolean {
  return Number.isInteger(id) && id > 0 && id < 2 ** 32;
}

/** The same for all who are started with the same name and members, whatever their addresses: those may change. */
export function clusterIdOf({ cluster, members }: MemberOptions): string {
  const ids = members.map(({ id }) => id).toSorted((a, b) => a - b);
  const digest = createHash('sha256')
    .update(JSON.stringify([cluster, ids]))
    .digest('hex');
  return `${cluster}-${digest.slice(0, 12)}`;
}

export function addressesOf({ members }: MemberOptions): MemberAddress[] {
  return members.map(({ clientUrl, id, peerUrl }) => ({
    id: id as MemberId,
    name: `member-${id}`,
    clientUrl,
    peerUrl,
  }));
}

export function endpointOf(url: string): Endpoint {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch (error) {
    throw new OptionError(`URL ${JSON.stringify(url)}: not a URL like ws://127.0.0.1:7401`, { cause: error });
  }
  if (parsed.protocol !== 'ws:') throw new OptionError(`URL ${url}: only ws:// is supported yet`);
  if (parsed.port === '') throw new OptionError(`URL ${url}: the port is missing`);
  return { host: parsed.hostname.replaceAll(/^\[|\]$/g, ''), port: Number(parsed.port) };
}

export function parseListen(text: string): Endpoint {
  const match = /^(?:\[(?<six>[^\]]+)\]|(?<host>[^:]+)):(?<port>\d+)$/.exec(text);
  const port = Number(match?.groups?.['port']);
  const host = match?.groups?.['six'] ?? match?.groups?.['host'];
  if (host === undefined || port > 65_535)
    throw new OptionError(`address ${JSON.stringify(text)}: host:port, like 127.0.0.1:7401`);
  return { host, port };
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}
