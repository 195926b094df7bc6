import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Configuration, type Environment, lanes, Member, type MemberId } from '@conclave/member';
import { initStorage, openStorage, type Storage } from '@conclave/storage';
import { destination, type Logger, pino } from 'pino';
import { Doorkeeper } from './admission.ts';
import { cachedStore } from './cached-state.ts';
import { ClientListener } from './client-listener.ts';
import {
  addressesOf,
  checkOptions,
  clusterIdOf,
  type Endpoint,
  endpointOf,
  isLoopback,
  type MemberOptions,
  OptionError,
  parseListen,
} from './options.ts';
import { PeerLink } from './peer-link.ts';
import { PeerListener } from './peer-listener.ts';

/** A member that runs in this process. */
export interface RunningMember extends AsyncDisposable {
  readonly member: Member;
  readonly clientPort: number;
  readonly peerPort: number;
  /** Resolves when it has stopped; rejects with what made it stop, when that was not `stop`. */
  readonly stopped: Promise<void>;
  /** Answers everybody, lets what is on its way to the disk arrive, and closes everything. Idempotent. */
  stop(): Promise<void>;
  /** The same, but if it leads, it first hands leadership to another member, so that writes hardly notice. */
  retire(): Promise<void>;
}

/**
 * Starts a member: the first time it makes its directory, later it opens it. Rejects with OptionError, with a StorageError that says
 * what is wrong with the directory and what to do, or with the system's error when an address is in use.
 */
export async function startMember(options: MemberOptions): Promise<RunningMember> {
  checkOptions(options);
  const own = options.members.find(({ id }) => id === options.id);
  if (own === undefined) throw new OptionError(`member ${options.id} is not among the members given`);
  const clientAddress = options.listen === undefined ? endpointOf(own.clientUrl) : parseListen(options.listen);
  const peerAddress = options.listenPeer === undefined ? endpointOf(own.peerUrl) : parseListen(options.listenPeer);
  for (const address of [clientAddress, peerAddress]) refuseExposure(address, options.insecure === true);
  const log = logger(options);
  const storage = await openOrInit(options);
  try {
    return await run(options, storage, clientAddress, peerAddress, log);
  } catch (error) {
    await storage.close();
    throw error;
  }
}

async function run(
  options: MemberOptions,
  storage: Storage,
  clientAddress: Endpoint,
  peerAddress: Endpoint,
  log: Logger,
): Promise<RunningMember> {
  for (const note of storage.notes) log.warn(note);
  const id = options.id as MemberId;
  const links = new Map<string, PeerLink>();
  let fail: (error: Error) => void = () => {};
  const environment: Environment = {
    clock: { nowMs: () => performance.now(), wallMs: () => Date.now() },
    timers: {
      after: (delayMs, action) => {
        const timer = setTimeout(action, delayMs);
        return () => clearTimeout(timer);
      },
      soon: (action) => {
        setImmediate(action);
      },
    },
    prng: { next: Math.random },
    log,
    transport: { send: (to, lane, frame) => links.get(`${to} ${lane}`)?.send(frame) ?? false },
    store: cachedStore(storage),
    hash: (bytes) => createHash('sha256').update(bytes).digest(),
    onFatal: (error) => fail(error),
  };
  const settings = {
    id,
    clusterId: clusterIdOf(options),
    members: addressesOf(options),
    electionMs: options.electionMs ?? 1_000,
    heartbeatMs: options.heartbeatMs ?? 100,
    pid: process.pid,
  };
  const member = await Member.open(settings, environment, storage.storeUuid);
  const peers = new PeerListener(member, log);
  const doorkeeper = new Doorkeeper(
    options.members.map(({ clientUrl }) => clientUrl),
    options.allowOrigins ?? [],
  );
  const clients = new ClientListener(member, doorkeeper, log);
  const peerPort = await peers.listen(peerAddress);
  const clientPort = await clients.listen(clientAddress).catch(async (error: unknown) => {
    await peers.close();
    throw error;
  });
  for (const { id: peer, peerUrl } of options.members) {
    if (peer === id) continue;
    for (const lane of lanes) {
      links.set(`${peer} ${lane}`, new PeerLink(peer as MemberId, peerUrl, lane, () => member, log));
    }
  }
  for (const link of links.values()) link.dial();
  member.start();
  log.info({ member: id, cluster: settings.clusterId, clients: clientPort, peers: peerPort }, 'member is running');

  return lifecycle(
    member,
    clientPort,
    peerPort,
    (reject) => (fail = reject),
    async () => {
      await member.stop();
      await clients.close();
      for (const link of links.values()) link.close();
      await peers.close();
      await storage.close();
      log.info('member has stopped');
    },
  );
}

function lifecycle(
  member: Member,
  clientPort: number,
  peerPort: number,
  onFailure: (reject: (error: Error) => void) => void,
  close: () => Promise<void>,
): RunningMember {
  let closing: Promise<void> | null = null;
  let ended: () => void = () => {};
  const stopped = new Promise<void>((resolve, reject) => {
    ended = resolve;
    onFailure(reject);
  });
  // Whoever does not wait for it must not be ended by it.
  stopped.catch(() => {});
  const stop = async (): Promise<void> => {
    closing ??= close().finally(ended);
    await closing;
  };
  const retire = async (): Promise<void> => {
    // Nobody to hand it to, or nobody who takes it: then the others elect somebody when this one is gone.
    if (member.raft.role === 'leader') await member.transferLeader(null).catch(() => undefined);
    await stop();
  };
  return { member, clientPort, peerPort, stopped, stop, retire, [Symbol.asyncDispose]: stop };
}

async function openOrInit(options: MemberOptions): Promise<Storage> {
  const identity = { clusterId: clusterIdOf(options), memberId: options.id as MemberId };
  if (!existsSync(join(options.directory, 'member.json'))) {
    const voters = options.members.map(({ id }) => id as MemberId).toSorted((a, b) => a - b);
    const configuration: Configuration = {
      voters,
      votersOutgoing: [],
      learners: [],
      learnersNext: [],
      leaseReads: false,
    };
    await initStorage({ ...identity, directory: options.directory, configuration });
  }
  return openStorage({ ...identity, directory: options.directory });
}

function refuseExposure({ host, port }: Endpoint, insecure: boolean): void {
  if (insecure || isLoopback(host)) return;
  throw new OptionError(
    `listening on ${host}:${port} would let everybody in: there is neither encryption nor authentication yet; --insecure does it all the same`,
  );
}

function logger({ log, logLevel }: MemberOptions): Logger {
  const target = log ?? destination({ dest: 2, sync: false });
  return pino({ level: logLevel ?? 'info', base: null }, target);
}
