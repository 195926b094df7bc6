import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect } from '@conclave/client';
import { Child } from '../processes/child.ts';
import { conclaveArguments } from '../processes/conclave-program.ts';
import { programPath, requires } from '../processes/requires.ts';
import { stablePorts } from '../processes/stable-ports.ts';
import { temporaryDirectory } from '../processes/temporary-directory.ts';
import { readTrace, type SystemCall } from './system-calls.ts';

const puts = 25;
const patienceMs = 30_000;

test('between a put that arrives and its answer that leaves, an fdatasync of the log has finished', {
  skip: requires('strace', 'linux'),
  timeout: 60_000,
}, async () => {
  using directory = temporaryDirectory();
  const [clientPort = 0, peerPort = 0] = await stablePorts(2);
  const member = `1=ws://127.0.0.1:${clientPort},ws://127.0.0.1:${peerPort}`;
  const data = join(directory.path, 'member');
  const server = ['server', '--data', data, '--id', '1', '--cluster', 'traced', '--member', member];
  const trace = join(directory.path, 'trace');
  const traced = ['-f', '-yy', '-s', '0', '-e', 'trace=fdatasync,read,write,writev,sendto,sendmsg', '-o', trace];
  {
    await using child = new Child([...traced, process.execPath, ...conclaveArguments(server)], {
      program: programPath('strace') ?? '',
    });
    await child.line(/member is running/, patienceMs);
    await using client = await connect({
      endpoints: [`ws://127.0.0.1:${clientPort}`],
      identity: 'idempotency-key',
      timeoutMs: patienceMs,
    });
    for (let put = 0; put < puts; put++) await client.put(`k${put}`, 'v');
    await client.close();
    child.signal('SIGTERM');
    await child.ended(patienceMs);
  }
  const calls = readTrace(readFileSync(trace, 'utf8'));
  const answers = answersOf(calls, clientPort, join(data, 'log/')).slice(handshakeAnswers);
  assert.ok(answers.length >= puts, `${answers.length} answers are in the trace`);
  const unsynced = answers.slice(0, puts).filter(({ synced }) => !synced);
  assert.deepEqual(
    unsynced.map(({ line }) => line),
    [],
  );
});

/** Of the connection: 101 Switching Protocols, and the welcome. */
const handshakeAnswers = 2;

/** Every write to a client; `synced`: since the last thing that was read from it, an fdatasync of the log has begun and finished. */
function answersOf(
  calls: readonly SystemCall[],
  clientPort: number,
  log: string,
): { readonly line: string; readonly synced: boolean }[] {
  const isClients = ({ target }: SystemCall): boolean => target.includes(`127.0.0.1:${clientPort}->`);
  const requests = calls.filter((call) => call.name === 'read' && call.result > 0 && isClients(call));
  const syncs = calls.filter((call) => call.name === 'fdatasync' && call.result === 0 && call.target.startsWith(log));
  const writes = calls.filter((call) => /^(?:write|send)/.test(call.name) && isClients(call));
  return writes.map((write) => {
    const request = requests.findLast(({ finished }) => finished < write.began);
    const synced =
      request !== undefined && syncs.some(({ began, finished }) => began > request.finished && finished < write.began);
    return { line: write.line, synced };
  });
}
