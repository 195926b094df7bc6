import { createHash } from 'node:crypto';
import type { Configuration, MemberAddress, MemberId } from '@conclave/member';
import { memberUrlProblem } from '@conclave/protocol';
import { decodeJoinToken } from './join-token.ts';
import { OptionError } from './option-error.ts';

export interface GivenMember {
  readonly id: number;
  readonly clientUrl: string;
  readonly peerUrl: string;
}

export type MemberOptions = FoundingOptions | JoiningOptions;

/** A member with which the cluster begins. */
export interface FoundingOptions extends RunOptions {
  readonly id: number;
  /** Printable ASCII without spaces, at most 40 bytes. The same for all founding members. */
  readonly cluster: string;
  /** All founding members, this one included. */
  readonly members: readonly GivenMember[];
}

/** A member that was added later. */
export interface JoiningOptions extends RunOptions {
  /** What `conclave member add` printed for it. */
  readonly join: string;
  /** Where members are found that are neither where the token nor where the cluster's own record says. */
  readonly members?: readonly GivenMember[];
}

interface RunOptions {
  /** Made at the first start; belongs to this member for ever after. */
  readonly directory: string;
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

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

const maxClusterNameBytes = 40;
const clusterName = /^[\x21-\x7e]+$/;

/** Who a member is, and what it knows of the others before it has asked. */
export interface MemberIdentity {
  readonly clusterId: string;
  readonly id: MemberId;
  /** This one included. */
  readonly members: readonly MemberAddress[];
  /** Its own address for peers, where the command line says it. */
  readonly peerUrl: string | null;
  /** Null: a founding member. */
  readonly joinSecret: Uint8Array | null;
}

/** Throws OptionError. */
export function identityOf(options: MemberOptions): MemberIdentity {
  return 'join' in options ? joiningIdentity(options) : foundingIdentity(options);
}

function foundingIdentity({ cluster, id, members }: FoundingOptions): MemberIdentity {
  if (!clusterName.test(cluster) || cluster.length > maxClusterNameBytes) {
    throw new OptionError(
      `cluster name ${JSON.stringify(cluster)}: 1 to ${maxClusterNameBytes} printable ASCII characters without spaces`,
    );
  }
  checkMemberId(id);
  const addresses = addressesOf(members);
  const ids = addresses.map((member) => member.id);
  const own = addresses.find((member) => member.id === id);
  if (own === undefined) throw new OptionError(`member ${id} is not among the members given: ${ids.join(', ')}`);
  return {
    clusterId: clusterIdOf(cluster, ids),
    id: own.id,
    members: addresses,
    peerUrl: own.peerUrl,
    joinSecret: null,
  };
}

/** A founding member's configuration is that of the founding; one that joins knows nobody, and waits for a leader to find it. */
export function foundingConfiguration({ joinSecret, members }: MemberIdentity): Configuration {
  const voters = joinSecret === null ? members.map(({ id }) => id).toSorted((a, b) => a - b) : [];
  return { voters, votersOutgoing: [], learners: [], learnersNext: [], leaseReads: false };
}

function joiningIdentity({ join, members = [] }: JoiningOptions): MemberIdentity {
  const { clientUrl, clusterId, member, members: others, peerUrl, secret } = decodeJoinToken(join);
  const given = new Map([...others, { id: member, clientUrl, peerUrl }, ...members].map((one) => [one.id, one]));
  const own = members.find(({ id }) => id === member)?.peerUrl ?? null;
  const all = addressesOf([...given.values()]);
  return { clusterId, id: member as MemberId, members: all, peerUrl: own, joinSecret: secret };
}

function addressesOf(members: readonly GivenMember[]): MemberAddress[] {
  const seen = new Set<number>();
  return members.map(({ clientUrl, id, peerUrl }) => {
    checkMemberId(id);
    if (seen.has(id)) throw new OptionError(`member ${id} is given twice`);
    seen.add(id);
    for (const url of [clientUrl, peerUrl]) endpointOf(url);
    return { id: id as MemberId, name: `member-${id}`, clientUrl, peerUrl };
  });
}

function checkMemberId(id: number): void {
  const isMemberId = Number.isInteger(id) && id > 0 && id < 2 ** 32;
  if (!isMemberId) throw new OptionError(`member id ${id}: a whole number from 1 to 4294967295`);
}

/** The same for all who are started with the same name and members, whatever their addresses: those may change. */
function clusterIdOf(cluster: string, members: readonly MemberId[]): string {
  const ids = members.toSorted((a, b) => a - b);
  const digest = createHash('sha256')
    .update(JSON.stringify([cluster, ids]))
    .digest('hex');
  return `${cluster}-${digest.slice(0, 12)}`;
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
  const problem = memberUrlProblem(url);
  if (problem !== null) throw new OptionError(`URL ${problem}`);
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
