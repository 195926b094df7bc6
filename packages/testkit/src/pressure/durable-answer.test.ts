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
  const answers = answersOf(calls, clientPort, join(data, 'log/')).slice(-puts);
  assert.equal(answers.length, puts, 'requests with an answer in the trace');
  assert.deepEqual(
    answers.filter(({ synced }) => !synced).map(({ line }) => line),
    [],
  );
});

/** A masked close frame with a status code: the client's last word, which is no request. */
const closeFrameBytes = 8;
/** A masked pong: a member pings its clients now and then, and what comes back is no request and ends no answer. */
const pongFrameBytes = 14;

/**
 * The answer to everything that was read from the client; `synced`: after that read an fdatasync of the log has begun and finished.
 * The client has one request outstanding, so its answer is the last write before the next read. A write before that one
 * is a push (the members' addresses have changed), which promises nothing. The last `puts` of them are the puts;
 * the first put may have come in one read with the hello.
 */
function answersOf(
  calls: readonly SystemCall[],
  clientPort: number,
  log: string,
): { readonly line: string; readonly synced: boolean }[] {
  const isClients = ({ target }: SystemCall): boolean => target.includes(`127.0.0.1:${clientPort}->`);
  const reads = calls.filter(
    (call) => call.name === 'read' && call.result > 0 && isClients(call) && call.result !== pongFrameBytes,
  );
  const requests = reads.filter(({ result }) => result > closeFrameBytes);
  const syncs = calls.filter((call) => call.name === 'fdatasync' && call.result === 0 && call.target.startsWith(log));
  const writes = calls.filter((call) => /^(?:write|send)/.test(call.name) && isClients(call));
  return requests.flatMap((request) => {
    const next = reads.find(({ began }) => began > request.finished)?.began ?? Number.POSITIVE_INFINITY;
    const answer = writes.findLast(({ began }) => began > request.finished && began < next);
    if (answer === undefined) return [];
    const synced = syncs.some(({ began, finished }) => began > request.finished && finished < answer.began);
    return [{ line: answer.line, synced }];
  });
}
