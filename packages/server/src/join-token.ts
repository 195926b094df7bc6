import { memberUrlProblem } from '@conclave/protocol';
import { OptionError } from './option-error.ts';

/** What a new member is given by whoever added it, as one word. It is a secret: who has it can take the new member's place. */
export interface JoinToken {
  readonly clusterId: string;
  readonly member: number;
  /** Its hash stands in the cluster's record of the member. */
  readonly secret: Uint8Array;
  /** The new member's own. */
  readonly clientUrl: string;
  readonly peerUrl: string;
  /** Who was in the cluster when it was made: some of them must still be, at the same address, when it is first used. */
  readonly members: readonly { readonly id: number; readonly clientUrl: string; readonly peerUrl: string }[];
}

const version = 1;
export const joinSecretBytes = 16;
const maxTokenLength = 65_536;

/** base64url of a JSON array, in this order. */
export function encodeJoinToken({ clientUrl, clusterId, member, members, peerUrl, secret }: JoinToken): string {
  const others = members.map((one) => [one.id, one.clientUrl, one.peerUrl]);
  const all = [version, clusterId, member, Buffer.from(secret).toString('base64url'), clientUrl, peerUrl, others];
  return Buffer.from(JSON.stringify(all)).toString('base64url');
}

/** Throws OptionError. */
export function decodeJoinToken(token: string): JoinToken {
  const fields = parse(token);
  const [found, clusterId, member, secret, clientUrl, peerUrl, members] = fields;
  if (found !== version) throw new OptionError(`join token: version ${String(found)}, this release knows ${version}`);
  const bytes = typeof secret === 'string' ? Buffer.from(secret, 'base64url') : Buffer.alloc(0);
  const others = Array.isArray(members) ? members.map(memberOf) : [];
  const isWhole = typeof clusterId === 'string' && isId(member) && isUrl(clientUrl) && isUrl(peerUrl);
  if (!isWhole || bytes.length !== joinSecretBytes || others.length === 0) throw damaged();
  return { clusterId, member, secret: new Uint8Array(bytes), clientUrl, peerUrl, members: others };
}

function parse(token: string): unknown[] {
  if (token.length > maxTokenLength) throw damaged();
  try {
    const fields: unknown = JSON.parse(Buffer.from(token.trim(), 'base64url').toString('utf8'));
    if (Array.isArray(fields)) return fields as unknown[];
  } catch (error) {
    throw damaged(error);
  }
  throw damaged();
}

function memberOf(raw: unknown): JoinToken['members'][number] {
  const [id, clientUrl, peerUrl] = Array.isArray(raw) ? (raw as unknown[]) : [];
  if (!isId(id) || !isUrl(clientUrl) || !isUrl(peerUrl)) throw damaged();
  return { id, clientUrl, peerUrl };
}

function isId(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) > 0 && (value as number) < 2 ** 32;
}

function isUrl(value: unknown): value is string {
  return typeof value === 'string' && memberUrlProblem(value) === null;
}

function damaged(cause?: unknown): OptionError {
  return new OptionError('join token: it is damaged, or cut; `conclave member add` printed it in one line', { cause });
}
