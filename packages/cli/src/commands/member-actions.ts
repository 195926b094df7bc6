import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@conclave/client';
import { encodeJoinToken, joinSecretBytes } from '@conclave/server';
import { reasonOf, timeoutOf, withClient } from '../client.ts';
import type { Arguments } from '../command.ts';
import { exitCode, UsageError } from '../exit.ts';
import { printJson, printTable } from '../output.ts';

/** How often the cluster is asked whether what is waited for has come. */
const pollMs = 200;
/** A new member is to be started, to receive all there is, and to catch up. */
const waitTimeoutMs = 600_000;
const maxTimeoutMs = 3_600_000;
const maxMemberId = 2 ** 32 - 1;

type Role = 'voter' | 'learner' | 'removed';

export async function listMembers(parsed: Arguments): Promise<number> {
  take(parsed, 0, 'list');
  const { recorded, status } = await withClient(parsed, async (client) => ({
    recorded: await client.perform({ type: 'members' }, { timeoutMs: timeoutOf(parsed) }),
    status: await client.status(),
  }));
  const members = recorded.members
    .map((one) => ({ ...one, found: status.members.find(({ id }) => id === one.member) }))
    // Who is removed and not gone yet is shown.
    .filter(({ found, role }) => role !== 'removed' || found !== undefined)
    .map(({ clientUrl, found, member: id, name, peerUrl, role: wanted }) => {
      return { id, name, wanted, standing: found?.standing ?? null, role: found?.role ?? null, clientUrl, peerUrl };
    });
  if (parsed.flag('json')) {
    printJson({ leaseReads: recorded.leaseReads, members });
    return exitCode.ok;
  }
  printTable([
    ['ID', 'NAME', 'WANTED', 'IS', 'ROLE', 'CLIENTS', 'PEERS'],
    ...members.map(({ clientUrl, id, name, peerUrl, role, standing, wanted }) => [
      `${id}`,
      name,
      wanted,
      standing ?? '-',
      role ?? '-',
      clientUrl,
      peerUrl,
    ]),
  ]);
  return exitCode.ok;
}

export async function addMember(parsed: Arguments): Promise<number> {
  const [urls] = take(parsed, 1, 'add CLIENT_URL,PEER_URL');
  await withClient(parsed, async (client) => add(client, parsed, urls, parsed.flag('learner') ? 'learner' : 'voter'));
  return exitCode.ok;
}

/** Prints the token as soon as it is there: whoever waits behind us can start the member with it. Answers the new id. */
async function add(client: Client, parsed: Arguments, urls: string, role: 'voter' | 'learner'): Promise<number> {
  const [clientUrl, peerUrl] = parseUrls(urls);
  const timeoutMs = timeoutOf(parsed);
  const { clusterId } = await client.status({ timeoutMs });
  const { members } = await client.perform({ type: 'members' }, { timeoutMs });
  const secret = randomBytes(joinSecretBytes);
  const joinSecretHash = createHash('sha256').update(secret).digest();
  const name = parsed.text('name') ?? null;
  const { member } = await client.perform(
    { type: 'memberAdd', name, clientUrl, peerUrl, joinSecretHash, role },
    { timeoutMs, ...reasonOf(parsed) },
  );
  const others = members
    .filter((one) => one.role !== 'removed')
    .map((one) => ({ id: one.member, clientUrl: one.clientUrl, peerUrl: one.peerUrl }));
  const token = encodeJoinToken({ clusterId, member, secret, clientUrl, peerUrl, members: others });
  if (parsed.flag('json')) {
    printJson({ id: member, token });
  } else {
    console.log(token);
    console.error(
      `Member ${member} is on record. To run it: conclave server --data DIR --join TOKEN\nWho has the token can take its place: keep it as you keep the data.`,
    );
  }
  return member;
}

export async function updateMember(parsed: Arguments): Promise<number> {
  const [id] = take(parsed, 1, 'update ID');
  const member = parseId(id);
  const name = parsed.text('name') ?? null;
  const [clientUrl, peerUrl] = [parsed.text('client-url') ?? null, parsed.text('peer-url') ?? null];
  if (name === null && clientUrl === null && peerUrl === null) {
    throw new UsageError('member update: at least one of --name, --client-url and --peer-url');
  }
  const operation = { type: 'memberUpdate', member, name, clientUrl, peerUrl } as const;
  const options = { timeoutMs: timeoutOf(parsed), ...reasonOf(parsed) };
  const { changed } = await withClient(parsed, async (client) => client.perform(operation, options));
  if (parsed.flag('json')) printJson({ id: member, changed });
  else console.log(changed ? `member ${member} is updated` : `member ${member} was so already`);
  return exitCode.ok;
}

const doneBy: Readonly<Record<Role, string>> = { voter: 'votes', learner: 'is a learner', removed: 'is removed' };

export async function setRole(parsed: Arguments, role: Role): Promise<number> {
  const [id] = take(parsed, 1, `${parsed.positionals[0]} ID`);
  const member = parseId(id);
  return withClient(parsed, async (client) => {
    const changed = await assign(client, parsed, member, role);
    if (parsed.flag('wait') && !(await comesTrue(client, parsed, member, role))) return exitCode.unavailable;
    if (parsed.flag('json')) printJson({ id: member, changed });
    else if (parsed.flag('wait')) console.log(`member ${member} ${doneBy[role]}`);
    else console.log(`member ${member} is to be ${role}${changed ? '' : ', as it was already'}`);
    return exitCode.ok;
  });
}

export async function replaceMember(parsed: Arguments): Promise<number> {
  const [id, urls] = take(parsed, 2, 'replace ID CLIENT_URL,PEER_URL');
  const old = parseId(id);
  return withClient(parsed, async (client) => {
    const { members } = await client.perform({ type: 'members' }, { timeoutMs: timeoutOf(parsed) });
    const known = members.find((one) => one.member === old && one.role !== 'removed');
    if (known === undefined) {
      console.error(`conclave member: there is no member ${old}`);
      return exitCode.negative;
    }
    const role = known.role === 'learner' ? 'learner' : 'voter';
    const next = await add(client, parsed, urls, role);
    if (!(await comesTrue(client, parsed, next, role))) {
      console.error(`then \`conclave member remove ${old}\` completes the replacement`);
      return exitCode.unavailable;
    }
    await assign(client, parsed, old, 'removed');
    if (!(await comesTrue(client, parsed, old, 'removed'))) return exitCode.unavailable;
    if (parsed.flag('json')) printJson({ id: next, replaced: old });
    else console.log(`member ${next} has replaced member ${old}`);
    return exitCode.ok;
  });
}

async function assign(client: Client, parsed: Arguments, member: number, role: Role): Promise<boolean> {
  const options = { timeoutMs: timeoutOf(parsed), ...reasonOf(parsed) };
  const { changed } = await client.perform({ type: 'memberRole', member, role }, options);
  return changed;
}

/** False: not in time, and says so. */
async function comesTrue(client: Client, parsed: Arguments, member: number, role: Role): Promise<boolean> {
  const timeoutMs = parsed.number('timeout-ms', 1, maxTimeoutMs, waitTimeoutMs);
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    const leftMs = deadlineMs - performance.now();
    if (leftMs <= 0) break;
    const { members } = await client.status({ timeoutMs: leftMs });
    const found = members.find(({ id }) => id === member);
    if (role === 'removed' ? found === undefined : found?.standing === role) return true;
    await sleep(Math.min(pollMs, leftMs));
  }
  const why = 'it is on record, and the leader goes on with it: `conclave member list` shows how far it is';
  console.error(`conclave member: within ${timeoutMs} ms member ${member} was not yet so; ${why}`);
  return false;
}

/** Behind the name of the action. */
function take<N extends 0 | 1 | 2>(
  { positionals }: Arguments,
  count: N,
  usage: string,
): N extends 1 ? [string] : N extends 2 ? [string, string] : [] {
  const found = positionals.slice(1);
  if (found.length !== count) throw new UsageError(`usage: conclave member ${usage}`);
  return found as N extends 1 ? [string] : N extends 2 ? [string, string] : [];
}

function parseId(text: string): number {
  const id = Number(text);
  if (/^\d+$/.test(text) && id >= 1 && id <= maxMemberId) return id;
  throw new UsageError(`member ${JSON.stringify(text)}: an id, a whole number from 1 on`);
}

function parseUrls(text: string): [string, string] {
  const [clientUrl, peerUrl, ...more] = text.split(',');
  if (clientUrl !== undefined && peerUrl !== undefined && more.length === 0) return [clientUrl, peerUrl];
  throw new UsageError(`${JSON.stringify(text)}: CLIENT_URL,PEER_URL, like ws://10.0.0.4:7400,ws://10.0.0.4:7500`);
}
