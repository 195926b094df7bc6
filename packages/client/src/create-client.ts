import {
  encodeClientMessage,
  minProtocolVersion,
  ProtocolError,
  protocolVersion,
  wireLimits,
} from '@conclave/protocol';
import { bounds } from './bounds.ts';
import type { CallOptions } from './call.ts';
import { type Client, ClientHandle } from './client.ts';
import { ClientCore } from './client-core.ts';
import type { Environment } from './environment.ts';
import { ConclaveError } from './error.ts';
import { type Key, KeySpace } from './keys/key-space.ts';

export interface ConnectOptions extends CallOptions {
  /** Client URLs of members, `ws://host:port` or `wss://`. One that answers is enough: it names the others. */
  readonly endpoints: readonly string[];
  /** Kept with every revision that this client makes, for people. Its own word. */
  readonly author?: string;
  /** With the client's own sessions, for people. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** As `client.namespace`. */
  readonly namespace?: Key;
  /**
   * How mutations are recognised when they are sent again. `session`: by the client's session, opened at the first of them. `idempotency-key`:
   * by a random key each, remembered for ten minutes: for callers that do one thing and go.
   */
  readonly identity?: 'session' | 'idempotency-key';
  /**
   * `false`: resolves at once, also when no member can be reached; calls wait for one within their own time. For programs that must start without the
   * cluster, with what `config` has in its cache.
   */
  readonly waitForReady?: boolean;
  /** What has nobody to be told to: a listener threw. Without it, it goes to the console. */
  readonly onError?: (error: unknown, where: string) => void;
}

/** A client in any environment: the simulator's, or the real one that `connect` uses. Resolves when a member has answered. */
export async function createClient(environment: Environment, options: ConnectOptions): Promise<Client> {
  const { author = null, endpoints, identity = 'session', metadata = {}, namespace } = options;
  checkEndpoints(endpoints);
  checkDescription(author, metadata);
  const { onError } = options;
  const own = onError === undefined ? environment : { ...environment, report: onError };
  const core = new ClientCore(own, { endpoints, author, identity, metadata });
  try {
    if (options.waitForReady === false) core.start();
    else await core.connect(options);
  } catch (error) {
    await core.close();
    throw error;
  }
  const space = new KeySpace();
  return new ClientHandle(core, namespace === undefined ? space : space.within(namespace));
}

function checkEndpoints(endpoints: readonly string[]): void {
  if (endpoints.length === 0) throw new ConclaveError('INVALID_ARGUMENT', 'endpoints: none is given');
  for (const endpoint of endpoints) {
    if (/^wss?:\/\/./.test(endpoint)) continue;
    throw new ConclaveError('INVALID_ARGUMENT', `endpoints: ${endpoint} is no ws:// or wss:// URL`);
  }
}

/** Told here, and not by every call that needs a session. */
function checkDescription(author: string | null, metadata: Readonly<Record<string, string>>): void {
  const [minVersion, maxVersion] = [minProtocolVersion, protocolVersion];
  const secret = new Uint8Array(wireLimits.sessionSecretBytes);
  try {
    encodeClientMessage({ type: 'hello', minVersion, maxVersion, features: [], author, clusterId: null, sessions: [] });
    encodeClientMessage({ type: 'sessionOpen', id: 1, ttlMs: bounds.defaultSessionTtlMs, secret, metadata });
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new ConclaveError('INVALID_ARGUMENT', `connect: ${error.message}`, { details: error.details, cause: error });
  }
}
