import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Client, connect } from '@conclave/client';
import { authorOf } from '../processes/client-caller.ts';
import { conclave, printed } from '../processes/conclave-program.ts';
import { runs } from '../processes/runs.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../processes/temporary-directory.ts';
import { patienceMs, TestCluster } from '../processes/test-cluster.ts';
import { waitFor } from '../processes/wait-for.ts';

const timeout = 60_000;
const ttlMs = 2_000;
const killAfterMs = 500;

let directory: TemporaryDirectory;
let cluster: TestCluster;
let client: Client;
before(async () => {
  directory = temporaryDirectory();
  cluster = await TestCluster.start({ proxied: 'everything' });
  client = await connect({ endpoints: cluster.endpoints });
});
after(async () => {
  await client?.close();
  await cluster?.[Symbol.asyncDispose]();
  directory?.[Symbol.dispose]();
});

interface Behaviour {
  readonly what: string;
  /** On TERM, of the command and of what it started. */
  readonly onTerm: string;
  readonly grandchild: boolean;
}

const behaviours: readonly Behaviour[] = [
  { what: 'that obeys TERM', onTerm: 'process.exit(0)', grandchild: false },
  { what: 'that ignores TERM', onTerm: '', grandchild: false },
  { what: 'whose children ignore TERM', onTerm: 'process.exit(0)', grandchild: true },
];

/** Writes down its pids, those of what it started, and that it was told to end. */
function script({ grandchild, onTerm }: Behaviour, file: string): string[] {
  const deaf = 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000);';
  const source = `import { spawn } from 'node:child_process';
    import { appendFileSync } from 'node:fs';
    process.on('SIGTERM', () => { appendFileSync(${JSON.stringify(`${file}.term`)}, 'TERM'); ${onTerm} });
    const pids = [process.pid];
    if (${grandchild}) pids.push(spawn(process.execPath, ['--eval', ${JSON.stringify(deaf)}]).pid);
    appendFileSync(${JSON.stringify(file)}, pids.join(' ') + ' all');
    setInterval(() => {}, 1000);`;
  return [process.execPath, '--input-type=module', '--eval', source];
}

for (const command of ['lock', 'elect'] as const) {
  for (const [at, behaviour] of behaviours.entries()) {
    test(`${command}: a command ${behaviour.what} gets TERM, then KILL with all that it started, before the next one holds, when its connection is cut`, {
      timeout,
    }, async () => {
      const name = `${command}-${at}`;
      const file = join(directory.path, name);
      const words = command === 'lock' ? ['lock', name] : ['elect', name, 'host-a'];
      const times = ['--ttl-ms', `${ttlMs}`, '--kill-after-ms', `${killAfterMs}`];
      const doors = cluster.ids.map((id) => cluster.urlsOf(id)[0]);
      const endpoints = ['--endpoints', doors.join(',')];
      await using holder = conclave([...words, ...times, ...endpoints, '--', ...script(behaviour, file)], {
        env: { USER: authorOf(name) },
      });
      await waitFor(
        () => existsSync(file) && readFileSync(file, 'utf8').endsWith('all'),
        patienceMs,
        () => holder.output(),
      );
      const pids = readFileSync(file, 'utf8').split(' ').slice(0, -1).map(Number);
      const next = (command === 'lock' ? client.lock(name) : client.election(name).campaign('host-b')).then((held) => ({
        held,
        running: pids.filter((pid) => runs(pid)),
      }));
      const lockName = {
        kind: command === 'lock' ? 'lock' : 'election',
        name: new TextEncoder().encode(name),
      } as const;
      await waitFor(
        async () => (await client.perform({ type: 'lock', name: lockName })).lock.queue.length === 1,
        patienceMs,
        () => holder.output(),
      );
      assert.equal(
        pids.every((pid) => runs(pid)),
        true,
        'it runs as long as it is held',
      );
      for (const door of cluster.doors.values()) {
        door.setFor(name, { forward: { cut: true }, backward: { cut: true } });
      }
      const { held, running } = await next;
      assert.deepEqual(running, [], `still running when the next one held\n${holder.output()}`);
      assert.equal(readFileSync(`${file}.term`, 'utf8'), 'TERM');
      for (const door of cluster.doors.values()) door.heal();
      assert.equal((await holder.ended(patienceMs)).code, 6, printed(holder, 'stderr'));
      await ('resign' in held ? held.resign() : held.release());
    });
  }
}
