import { type ChildProcess, fork } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Arguments, Command } from '../command.ts';
import { exitCode, UsageError } from '../exit.ts';
import { logLevel, logLevelOption, timeOptions, times } from './member-flags.ts';

export const dev: Command = {
  name: 'dev',
  usage: '',
  summary: 'Runs a cluster on this machine, one process a member. Its data is kept between starts.',
  options: {
    members: { type: 'string', value: 'N', help: 'how many members (3)' },
    data: { type: 'string', value: 'DIR', help: 'where they keep their data (.conclave)' },
    port: { type: 'string', value: 'PORT', help: 'member i serves PORT+i, peers PORT+100+i (7400); 0: free ones' },
    'allow-origin': { type: 'string', multiple: true, value: 'URL', help: 'a page of this origin may connect' },
    ...timeOptions,
    ...logLevelOption('warn'),
    json: { type: 'boolean', help: 'print one line of JSON when the cluster is ready, and nothing else' },
  },
  run,
};

const maxMembers = 9;
const host = '127.0.0.1';

interface Plan {
  readonly id: number;
  readonly clientUrl: string;
  readonly peerUrl: string;
  readonly arguments: readonly string[];
}

async function run(parsed: Arguments): Promise<number> {
  if (parsed.positionals.length > 0)
    throw new UsageError(`unexpected argument ${JSON.stringify(parsed.positionals[0])}`);
  const plans = await planMembers(parsed);
  const cluster = new DevCluster(plans, parsed.flag('json'));
  return cluster.run();
}

async function planMembers(parsed: Arguments): Promise<Plan[]> {
  const count = parsed.number('members', 1, maxMembers, 3);
  const port = parsed.number('port', 0, 65_535 - 100 - maxMembers, 7_400);
  const data = parsed.text('data') ?? '.conclave';
  const { electionMs, heartbeatMs } = times(parsed);
  const ports = port === 0 ? await freePorts(2 * count) : null;
  const members = Array.from({ length: count }, (_, at) => ({
    id: at + 1,
    clientUrl: `ws://${host}:${ports?.[at] ?? port + at + 1}`,
    peerUrl: `ws://${host}:${ports?.[count + at] ?? port + 100 + at + 1}`,
  }));
  const flags = members.flatMap(({ clientUrl, id, peerUrl }) => ['--member', `${id}=${clientUrl},${peerUrl}`]);
  const origins = parsed.texts('allow-origin').flatMap((origin) => ['--allow-origin', origin]);
  const timing = ['--heartbeat-ms', `${heartbeatMs}`, '--election-ms', `${electionMs}`];
  const logging = ['--log-level', logLevel(parsed, 'warn')];
  const shared = ['--cluster', 'dev', ...flags, ...timing, ...logging, ...origins];
  return members.map((member) => ({
    ...member,
    arguments: ['server', '--data', join(data, `member-${member.id}`), '--id', `${member.id}`, ...shared],
  }));
}

/** Held all at once, so that none is given twice. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, host, () => resolve()));
      return server;
    }),
  );
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
  await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))));
  return ports;
}

type Told = { readonly event: 'listening' } | { readonly event: 'leader'; readonly leader: number | null };

/** How long a member may take to stop before it is killed. */
const stopPatienceMs = 5_000;

/** How often the parent is looked for. */
const parentCheckMs = 250;

class DevCluster {
  readonly #plans: readonly Plan[];
  readonly #json: boolean;
  readonly #children = new Map<number, ChildProcess>();
  readonly #leaders = new Map<number, number | null>();
  #announced = false;
  #stopping = false;
  #failed = false;

  constructor(plans: readonly Plan[], json: boolean) {
    this.#plans = plans;
    this.#json = json;
  }

  async run(): Promise<number> {
    const ended = this.#plans.map((plan) => this.#start(plan));
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => this.#stop());
    this.#followNpm();
    await Promise.all(ended);
    return this.#failed ? 1 : exitCode.ok;
  }

  /** Resolves when the member has ended, for whatever reason. */
  async #start(plan: Plan): Promise<void> {
    // A group of its own: Ctrl-C reaches this process alone, which then stops its members in an orderly way, once.
    const child = fork(process.argv[1] ?? '', plan.arguments, { stdio: ['ignore', 2, 2, 'ipc'], detached: true });
    this.#children.set(plan.id, child);
    child.on('message', (told: Told) => this.#told(plan, told));
    await new Promise<void>((resolve) => {
      child.once('exit', (code, signal) => {
        this.#children.delete(plan.id);
        this.#leaders.delete(plan.id);
        if (!this.#stopping) this.#mourn(plan, signal ?? `exit code ${code}`);
        resolve();
      });
    });
  }

  #told(plan: Plan, told: Told): void {
    if (told.event === 'leader') this.#leaders.set(plan.id, told.leader);
    const leader = this.#leaders.get(plan.id);
    // The leader itself knows that it leads: from then on it serves.
    if (leader !== plan.id) return;
    if (this.#announced) {
      if (!this.#json) console.log(`Member ${leader} leads now.`);
    } else if (this.#children.size === this.#plans.length) {
      this.#announced = true;
      this.#announce(leader);
    }
  }

  #announce(leader: number): void {
    const endpoints = this.#plans.map(({ clientUrl }) => clientUrl);
    if (this.#json) {
      console.log(JSON.stringify({ event: 'ready', endpoints }));
      return;
    }
    const [first = ''] = endpoints;
    const flag = first === 'ws://127.0.0.1:7401' ? '' : ` --endpoints ${endpoints.join(',')}`;
    console.log(
      [
        `A cluster of ${endpoints.length} is ready; member ${leader} leads.`,
        ...this.#plans.map(
          ({ clientUrl, id }) => `  member ${id}   ${clientUrl}   ${clientUrl.replace('ws:', 'http:')}/`,
        ),
        '',
        'Try, in another shell:',
        `  npx conclave put greeting hello${flag}`,
        `  npx conclave get greeting --json${flag}`,
        `  npx conclave watch --prefix g${flag}`,
        `  npx conclave lock deploy${flag} -- sleep 5`,
        `  npx conclave status${flag}`,
      ].join('\n'),
    );
  }

  #mourn(plan: Plan, how: string): void {
    // None came up: there is no cluster to keep.
    if (!this.#announced) {
      this.#failed = true;
      console.error(`member ${plan.id} ended before the cluster was ready: ${how}`);
      this.#stop();
      return;
    }
    const command = ['npx', 'conclave', ...plan.arguments].map((part) =>
      /[^\w./:=,-]/.test(part) ? JSON.stringify(part) : part,
    );
    console.error(`member ${plan.id} has ended: ${how}. To start it again:\n  ${command.join(' ')}`);
  }

  /** Under `npm start`, whoever kills npm means the cluster: it ends too, also when npm could not say so. */
  #followNpm(): void {
    if (process.env['npm_lifecycle_event'] === undefined) return;
    const npm = process.ppid;
    const timer = setInterval(() => {
      if (process.ppid !== npm) this.#stop();
    }, parentCheckMs);
    timer.unref();
  }

  #stop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    for (const child of this.#children.values()) if (child.connected) child.disconnect();
    const timer = setTimeout(() => {
      for (const child of this.#children.values()) child.kill('SIGKILL');
    }, stopPatienceMs);
    timer.unref();
  }
}
