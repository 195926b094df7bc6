import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Environment, LostAcknowledgedError, Member, type MemberAddress } from '@conclave/member';
import { foundedClusterId } from '@conclave/protocol';
import { condemnDirectory, initStorage, openStorage, readIdentity, type Storage } from '@conclave/storage';
import { destination, type Logger, pino } from 'pino';
import { Doorkeeper } from './admission.ts';
import { bounds } from './bounds.ts';
import { cachedStore } from './cached-state.ts';
import { ClientListener } from './client-listener.ts';
import { handOver } from './hand-over.ts';
import { OptionError } from './option-error.ts';
import {
  type Endpoint,
  endpointOf,
  foundingConfiguration,
  identityOf,
  isLoopback,
  type MemberIdentity,
  type MemberOptions,
  parseListen,
} from './options.ts';
import { PeerLinks } from './peer-links.ts';
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
 * what is wrong with the directory and what to do, with the system's error when an address is in use, or with what ended the member before it ran.
 */
export async function startMember(options: MemberOptions): Promise<RunningMember> {
  const identity = identityOf(options);
  // Before anything is made: what the command line says must be possible.
  for (const address of Object.values(addressesOf(options, ownAddress(identity)))) {
    refuseExposure(address, options.insecure === true);
  }
  const log = logger(options);
  const storage = await openOrInit(options.directory, identity);
  try {
    return await run(options, { ...identity, clusterId: storage.identity.clusterId }, storage, log);
  } catch (error) {
    await storage.close();
    throw error;
  }
}

async function run(
  options: MemberOptions,
  identity: MemberIdentity,
  storage: Storage,
  log: Logger,
): Promise<RunningMember> {
  for (const note of storage.notes) log.warn(note);
  const { id } = identity;
  const links = new PeerLinks(() => member, log);
  let fail: (error: Error) => void = () => {};
  const failed = new Promise<never>((_resolve, reject) => (fail = reject));
  // Whoever does not wait for it must not be ended by it.
  failed.catch(() => {});
  let ending = null as Promise<void> | null;
  const end = async (error: Error): Promise<void> => {
    if (error instanceof LostAcknowledgedError) await condemn(options.directory, error, log);
    fail(error);
  };
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
    transport: {
      send: (to, lane, frame) => links.send(to, lane, frame),
      bufferedBytes: (to, lane) => links.bufferedBytes(to, lane),
      reach: (members) => {
        links.reach(members);
        peers.reach(members);
      },
    },
    store: cachedStore(storage),
    hash: (bytes) => createHash('sha256').update(bytes).digest(),
    onFatal: (error) => {
      ending = end(error);
    },
  };
  const settings = {
    ...identity,
    electionMs: options.electionMs ?? 1_000,
    heartbeatMs: options.heartbeatMs ?? 100,
    pid: process.pid,
  };
  const member: Member = await Member.open(settings, environment, storage.storeUuid);
  const peers: PeerListener = new PeerListener(member, log);
  const clientUrls = (): string[] => [...identity.members, ...member.members].map(({ clientUrl }) => clientUrl);
  const doorkeeper = new Doorkeeper(clientUrls, options.allowOrigins ?? []);
  const clients = new ClientListener(member, doorkeeper, log);
  const addresses = addressesOf(options, recordedAddress(identity, member));
  for (const address of Object.values(addresses)) refuseExposure(address, options.insecure === true);
  const close = async (): Promise<void> => {
    await member.stop();
    await ending;
    await clients.close();
    links.close();
    await peers.close();
  };
  let [peerPort, clientPort] = [0, 0];
  try {
    peerPort = await peers.listen(addresses.peers);
    clientPort = await clients.listen(addresses.clients);
    // A peer was let in meanwhile, and what it said, or what was written because of it, was the end.
    if (ending !== null) await failed;
  } catch (error) {
    await close();
    throw error;
  }
  member.start();
  log.info({ member: id, cluster: settings.clusterId, clients: clientPort, peers: peerPort }, 'member is running');

  return lifecycle(member, clientPort, peerPort, failed, async () => {
    await close();
    await storage.close();
    log.info('member has stopped');
  });
}

/**
 * A supervisor starts the member again, and then its links to peers that know nothing may stand before the one that knows is heard: without
 * a mark on the disk its vote would count there, some day.
 */
async function condemn(directory: string, { by }: LostAcknowledgedError, log: Logger): Promise<void> {
  try {
    await condemnDirectory(directory, { by, atMs: Date.now() });
  } catch (error) {
    const facts = { error: error instanceof Error ? error.message : String(error), directory };
    log.error(facts, 'this could not be written down: do not start this member again, replace it');
  }
}

function lifecycle(
  member: Member,
  clientPort: number,
  peerPort: number,
  failed: Promise<never>,
  close: () => Promise<void>,
): RunningMember {
  let closing: Promise<void> | null = null;
  let ended: () => void = () => {};
  const stopped = new Promise<void>((resolve, reject) => {
    ended = resolve;
    failed.catch(reject);
  });
  // Whoever does not wait for it must not be ended by it.
  stopped.catch(() => {});
  const stop = async (): Promise<void> => {
    closing ??= close().finally(ended);
    await closing;
  };
  const retire = async (): Promise<void> => {
    await handOver(member, bounds.handOverTimeoutMs);
    await stop();
  };
  return { member, clientPort, peerPort, stopped, stop, retire, [Symbol.asyncDispose]: stop };
}

async function openOrInit(directory: string, identity: MemberIdentity): Promise<Storage> {
  const memberId = identity.id;
  if (existsSync(join(directory, 'member.json'))) {
    return openStorage({ directory, memberId, clusterId: await ownClusterId(directory, identity) });
  }
  const own = { clusterId: identity.clusterId, memberId };
  await initStorage({ ...own, directory, configuration: foundingConfiguration(identity) });
  return openStorage({ ...own, directory });
}

/** Name and founders are those of the command line; that the cluster was restored, only the directory knows. */
async function ownClusterId(directory: string, { clusterId, joinSecret }: MemberIdentity): Promise<string> {
  const { clusterId: found } = await readIdentity(directory);
  return joinSecret === null && foundedClusterId(found) === clusterId ? found : clusterId;
}

function ownAddress({ id, members }: MemberIdentity): MemberAddress {
  const own = members.find((member) => member.id === id);
  if (own === undefined) throw new OptionError(`member ${id} is not among the members given`);
  return own;
}

/** A token is as old as the member: where it listens today stands in the cluster's record. A founder's command line says it itself. */
function recordedAddress(identity: MemberIdentity, member: Member): MemberAddress {
  const given = ownAddress(identity);
  if (identity.peerUrl !== null) return given;
  return member.members.find(({ id }) => id === identity.id) ?? given;
}

function addressesOf(
  { listen, listenPeer }: MemberOptions,
  own: MemberAddress,
): { readonly clients: Endpoint; readonly peers: Endpoint } {
  return {
    clients: listen === undefined ? endpointOf(own.clientUrl) : parseListen(listen),
    peers: listenPeer === undefined ? endpointOf(own.peerUrl) : parseListen(listenPeer),
  };
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
