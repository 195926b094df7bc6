import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { RunningProcess } from './running-process.ts';
import { percentile } from './statistics.ts';

/** As one put of 256 bytes takes in the log, about. */
const recordBytes = 300;
const processFile = join(import.meta.dirname, 'bare-path.process.ts');

export const acknowledgement: Uint8Array = new Uint8Array(1);

/** Calls back with each whole record of fixed size that comes in. */
export function forEachRecord(socket: Socket, take: (record: Uint8Array) => void): void {
  let rest: Uint8Array = new Uint8Array(0);
  socket.on('data', (chunk: Buffer) => {
    let bytes: Uint8Array = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (; bytes.length >= recordBytes; bytes = bytes.subarray(recordBytes)) take(bytes.subarray(0, recordBytes));
    rest = bytes;
  });
}

/**
 * The way of one put with everything left out that can be: a client, a leader and two followers as four processes on bare TCP, one synced
 * LevelDB put on each of the three disks, an answer when two of them are done. No protocol, no state, no Raft. What the spine can be
 * compared with on a machine whose disk is faster than its cores. One at a time, for so long; the median in ms.
 */
export async function measureBarePath(directory: string, seconds: number): Promise<{ readonly p50Ms: number }> {
  const start = (name: string, ...ports: readonly string[]): RunningProcess =>
    new RunningProcess(
      process.execPath,
      [...process.execArgv, processFile, join(directory, name), ...ports],
      join(directory, 'bare-path.log'),
    );
  const members = [start('bare-follower-1'), start('bare-follower-2')];
  try {
    const ports = await Promise.all(members.map(async (member) => member.firstLine()));
    const leader = start('bare-leader', ...ports);
    members.push(leader);
    const socket = connect({ port: Number(await leader.firstLine()), host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    const timesMs: number[] = [];
    const record = new Uint8Array(recordBytes).fill(0x72);
    const endMs = performance.now() + seconds * 1_000;
    for (let thenMs = performance.now(); thenMs < endMs; ) {
      socket.write(record);
      await once(socket, 'data');
      const nowMs = performance.now();
      timesMs.push(nowMs - thenMs);
      thenMs = nowMs;
    }
    socket.destroy();
    return { p50Ms: percentile(timesMs, 50) };
  } finally {
    await Promise.all(members.map(async (member) => member.stop()));
  }
}
