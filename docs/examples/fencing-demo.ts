// Why a lock needs a fence: `npm run demo:fencing`.
//
// Ada takes the lock, sees that she holds it, and is stopped before she writes, for longer than her lock lasts. Bob gets the lock and
// writes. Ada is woken, knows nothing of it, and her write arrives late. Twice: with a store that does not look at fences, and with one that does.
// No lock service can prevent the late write: it cannot stop a process that is stopped already. The fence makes it harmless.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { json } from 'node:stream/consumers';
import { z } from 'zod';

const ttlMs = process.argv[2] ?? '2000';
const Write = z.object({ writer: z.string(), fence: z.number() });

/** What both write to. In a database the comparison is a condition of the write: UPDATE … WHERE fence <= $fence. */
class Store {
  readonly #looksAtFences: boolean;
  #last: z.infer<typeof Write> = { writer: 'nobody', fence: 0 };

  constructor(looksAtFences: boolean) {
    this.#looksAtFences = looksAtFences;
  }

  get writer(): string {
    return this.#last.writer;
  }

  /** False: refused. */
  write(write: z.infer<typeof Write>): boolean {
    if (this.#looksAtFences && write.fence < this.#last.fence) return false;
    this.#last = write;
    return true;
  }
}

/** Runs the story against one store. */
async function story(store: Store, endpoints: string): Promise<void> {
  const server = createServer((request, response) => {
    json(request).then(
      (body) => response.writeHead(store.write(Write.parse(body)) ? 204 : 409).end(),
      () => response.writeHead(400).end(),
    );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const url = typeof address === 'object' ? `http://127.0.0.1:${address?.port}` : '';
  const ada = writer(['ada', url, ttlMs, 'stops'], endpoints);
  await says(ada, /holds the lock/);
  console.log(`ada is stopped before she writes (SIGSTOP); the ttl of her lock is ${ttlMs} ms`);
  const bob = writer(['bob', url, ttlMs], endpoints);
  await says(bob, / writes /);
  ada.child.kill('SIGCONT');
  console.log('ada is woken (SIGCONT), and does not know that time has passed');
  await says(ada, / writes /);
  const verdict = store.writer === 'bob' ? "ada's late write changed nothing" : 'what bob wrote under the lock is lost';
  console.log(`the store holds what ${store.writer} wrote: ${verdict}\n`);
  await Promise.all([ada, bob].map(async ({ child }) => child.exitCode ?? once(child, 'exit')));
  server.close();
}

interface Actor {
  readonly child: ChildProcess;
  /** What it says. */
  readonly lines: AsyncIterator<string, unknown>;
}

const children = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

function start(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  errors: 'inherit' | 'ignore' = 'inherit',
): Actor {
  const child = spawn(process.execPath, [...process.execArgv, ...args], {
    stdio: ['ignore', 'pipe', errors],
    env: { ...process.env, ...env },
  });
  children.add(child);
  child.once('exit', () => children.delete(child));
  return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
}

function writer(args: readonly string[], endpoints: string): Actor {
  return start([join(import.meta.dirname, 'fencing-writer.ts'), ...args], { CONCLAVE_ENDPOINTS: endpoints });
}

/** Prints what an actor says until a line matches; answers that line. */
async function says({ lines }: Actor, pattern: RegExp, print: (line: string) => void = console.log): Promise<string> {
  for (;;) {
    const { done, value: line } = await lines.next();
    if (done === true) throw new Error(`a process ended without ${pattern}`);
    print(line);
    if (pattern.test(line)) return line;
  }
}

/** Three members on this machine, with new data. */
async function cluster(data: string): Promise<string> {
  const program = join(import.meta.dirname, '../../packages/cli/bin/conclave.js');
  const dev = start([program, 'dev', '--json', '--port', '0', '--data', data], {}, 'ignore');
  const ready = z.object({ endpoints: z.array(z.string()) });
  return ready.parse(JSON.parse(await says(dev, /"ready"/, () => {}))).endpoints.join(',');
}

const data = mkdtempSync(join(tmpdir(), 'conclave-fencing-'));
try {
  const endpoints = process.env['CONCLAVE_ENDPOINTS'] ?? (await cluster(data));
  console.log('— Without the fence —');
  await story(new Store(false), endpoints);
  console.log('— With the fence —');
  await story(new Store(true), endpoints);
} finally {
  for (const child of children) child.kill('SIGTERM');
  await Promise.all([...children].map(async (child) => once(child, 'exit')));
  rmSync(data, { recursive: true, force: true });
}
