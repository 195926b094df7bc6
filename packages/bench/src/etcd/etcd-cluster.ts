import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from '../free-ports.ts';
import { RunningProcess } from '../running-process.ts';

const memberCount = 3;
const host = '127.0.0.1';
const readyPatienceMs = 20_000;
const pollMs = 50;

/** Its own limit of 2 GiB is below what a long run writes. */
const quotaBytes = 8 * 2 ** 30;

interface Status {
  readonly header: { readonly member_id: string };
  readonly leader?: string;
}

/** Three members of Debian's etcd with its defaults, on free ports. */
export class EtcdCluster implements AsyncDisposable {
  readonly #members: readonly RunningProcess[];
  /** `host:port`, the leader's first. */
  readonly endpoints: readonly string[];
  /** In the same order. */
  readonly pids: readonly number[];

  static async start(directory: string): Promise<EtcdCluster> {
    const ports = await freePorts(2 * memberCount);
    const client = (at: number): string => `http://${host}:${ports[at]}`;
    const peer = (at: number): string => `http://${host}:${ports[memberCount + at]}`;
    const all = Array.from({ length: memberCount }, (_, at) => at);
    const initial = all.map((at) => `m${at}=${peer(at)}`).join(',');
    const members = all.map((at) => {
      const flags = {
        name: `m${at}`,
        'data-dir': join(directory, `etcd-${at}`),
        'listen-client-urls': client(at),
        'advertise-client-urls': client(at),
        'listen-peer-urls': peer(at),
        'initial-advertise-peer-urls': peer(at),
        'initial-cluster': initial,
        'initial-cluster-state': 'new',
        'quota-backend-bytes': String(quotaBytes),
        logger: 'zap',
        'log-level': 'error',
      };
      const parameters = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]);
      return new RunningProcess('/usr/bin/etcd', parameters, join(directory, `etcd-${at}.log`));
    });
    try {
      const leader = await leaderOf(members, all.map(client));
      const leaderFirst = [leader, ...all.filter((at) => at !== leader)];
      return new EtcdCluster(
        leaderFirst.map((at) => members[at] as RunningProcess),
        leaderFirst.map((at) => client(at).slice('http://'.length)),
      );
    } catch (error) {
      await Promise.all(members.map(async (member) => member.stop()));
      throw error;
    }
  }

  private constructor(members: readonly RunningProcess[], endpoints: readonly string[]) {
    this.#members = members;
    this.endpoints = endpoints;
    this.pids = members.map(({ pid }) => pid);
  }

  /**
   * Puts it into its best state for reads. etcd 3.4 copies its whole backend read buffer for every read, and after a burst of writes that
   * buffer keeps the burst's size until a commit that touches no key; granting a lease makes such a commit.
   */
  async settle(): Promise<void> {
    for (let grant = 0; grant < 3; grant++) {
      await sleep(400);
      await ask(`http://${this.endpoints[0]}`, 'lease/grant', { TTL: 5 });
    }
    await sleep(500);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#members.map(async (member) => member.stop()));
  }
}

/** Resolves when all members answer and agree who leads. */
async function leaderOf(members: readonly RunningProcess[], urls: readonly string[]): Promise<number> {
  const endMs = performance.now() + readyPatienceMs;
  for (;;) {
    const ended = members.find(({ hasEnded }) => hasEnded);
    if (ended !== undefined) throw new Error(`an etcd member has ended:\n${ended.lastWords}`);
    try {
      const statuses = await Promise.all(urls.map(async (url) => (await ask(url, 'maintenance/status', {})) as Status));
      const at = statuses.findIndex(({ header, leader }) => leader === header.member_id);
      if (at >= 0 && statuses.every(({ leader }) => leader === statuses[at]?.leader)) return at;
    } catch (error) {
      if (performance.now() > endMs) throw new Error('etcd was not ready in time', { cause: error });
    }
    if (performance.now() > endMs) throw new Error('etcd found no leader in time');
    await sleep(pollMs);
  }
}

async function ask(url: string, method: string, request: Readonly<Record<string, unknown>>): Promise<unknown> {
  const response = await fetch(`${url}/v3/${method}`, { method: 'POST', body: JSON.stringify(request) });
  if (!response.ok) throw new Error(`etcd: ${method} was answered with ${response.status}`);
  return response.json();
}
