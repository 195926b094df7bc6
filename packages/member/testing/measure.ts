// What leases cost, many of them. From the root:
//   node --import tsx --conditions=conclave-source --expose-gc packages/member/testing/measure.ts [leases]
import { type CommandHeader, commandVersion, encodeCommand, encodeOperation, type Operation } from '@conclave/protocol';
import { StateMachine } from '@conclave/state-machine';
import { LeaseKeeper } from '../src/lease/lease-keeper.ts';
import { TestCluster } from './cluster.ts';
import { RawClient } from './raw-client.ts';

const count = Number(process.argv[2] ?? 100_000);
const perKeepalive = 1_024;
const longTtlMs = 300_000;

const header: CommandHeader = {
  version: commandVersion,
  clusterTimeMs: 0,
  wallTimeMs: 0,
  identity: { by: 'none' },
  author: null,
  reason: null,
};

function heapBytes(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

function timed<T>(what: string, per: number, run: () => T): T {
  const began = performance.now();
  const result = run();
  const tookMs = performance.now() - began;
  console.log(`${what}: ${tookMs.toFixed(1)} ms, ${((tookMs * 1_000) / per).toFixed(2)} us each`);
  return result;
}

function grown(what: string, from: number): void {
  console.log(`${what}: ${Math.round((heapBytes() - from) / count)} B of heap a lease`);
}

function* chunks(): Iterable<number[]> {
  for (let from = 1; from <= count; from += perKeepalive) {
    yield Array.from({ length: Math.min(perKeepalive, count - from + 1) }, (_, n) => from + n);
  }
}

function onOneMember(operation: Operation, what: string): void {
  const command = encodeCommand(header, encodeOperation(operation));
  let before = heapBytes();
  const machine = new StateMachine({ values: { read: () => undefined } });
  timed(`${what} in the state`, count, () => {
    for (let index = 1; index <= count; index++) machine.apply(index, 1, vary(command, operation, index));
  });
  machine.checkpointDurable(machine.takeCheckpoint().token);
  grown(`${what} in the state`, before);

  before = heapBytes();
  const clock = { nowMs: () => performance.now(), wallMs: () => 0 };
  const timers = { after: () => () => {}, soon: () => {} };
  const log = { info: () => {}, warn: () => {}, error: () => {} };
  const barrier = { wait: (done: (confirmed: boolean) => void) => done(true) };
  const keeper = new LeaseKeeper(machine, barrier, { clock, timers, log }, { heartbeatMs: 100 }, () => {});
  timed('a leader takes office', count, () => keeper.takeOffice(1));
  grown('the deadlines of a leader', before);
  let renewed = 0;
  timed('the leader renews each', count, () => {
    for (const leases of chunks()) keeper.renew(leases, (ttlsMs) => (renewed += ttlsMs?.length ?? 0));
  });
  timed('all are listed', count, () => {
    for (let after = 0, more = true; more; ) {
      const page = machine.query({ type: 'leases', after, limit: 0 });
      if (page.type !== 'leases') throw new Error('no list');
      after = page.leases.at(-1)?.lease ?? 0;
      ({ more } = page);
    }
  });
  if (renewed !== count) throw new Error(`${renewed} renewed`);
}

/** Each session has a secret of its own. */
function vary(command: Uint8Array, operation: Operation, index: number): Uint8Array {
  if (operation.type !== 'sessionOpen') return command;
  const secretHash = new Uint8Array(32);
  new DataView(secretHash.buffer).setUint32(0, index);
  return encodeCommand(header, encodeOperation({ ...operation, secretHash }));
}

async function throughFollower(): Promise<void> {
  const cluster = await TestCluster.start();
  while (cluster.leader === null) await new Promise((resolve) => setTimeout(resolve, 10));
  const follower = cluster.ids.find((id) => id !== cluster.leader) ?? 1;
  const member = cluster.member(follower);
  if (member === undefined) throw new Error('no follower');
  const client = new RawClient(member);
  await client.wait('welcome');
  const operation = encodeOperation({ type: 'leaseGrant', ttlMs: longTtlMs });
  const began = performance.now();
  for (const leases of chunks()) {
    for (const id of leases) {
      const identity = { by: 'key', key: new TextEncoder().encode(`${id}`) } as const;
      client.send({ type: 'mutate', id, identity, reason: null, deadlineMs: null, operation });
    }
    await client.wait('result', ({ id }) => id === leases.at(-1));
    client.received.length = 0;
  }
  console.log(`${count} granted through a follower: ${Math.round(performance.now() - began)} ms`);
  for (let round = 0; round < 3; round++) {
    const cpu = process.cpuUsage();
    const from = performance.now();
    for (const [n, leases] of [...chunks()].entries()) client.send({ type: 'keepalive', id: 1_000_000 + n, leases });
    await client.wait('keepaliveAnswer', ({ id }) => id === 1_000_000 + Math.ceil(count / perKeepalive) - 1);
    const { system, user } = process.cpuUsage(cpu);
    client.received.length = 0;
    const us = (user + system) / count;
    console.log(
      `each renewed through a follower: ${Math.round(performance.now() - from)} ms, ${us.toFixed(2)} us of processor each, in all three members and the client`,
    );
  }
  await cluster.stop();
}

onOneMember({ type: 'leaseGrant', ttlMs: 60_000 }, 'leases');
onOneMember({ type: 'leaseGrant', ttlMs: longTtlMs }, 'long leases');
onOneMember({ type: 'sessionOpen', ttlMs: 15_000, secretHash: new Uint8Array(32), metadata: {} }, 'sessions');
await throughFollower();
