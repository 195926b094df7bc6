import {
  type ClientMessage,
  decodeClientFrame,
  decodeMemberFrame,
  type ErrorBody,
  encodeClientFrame,
  encodeMemberFrame,
  type MemberMessage,
} from '@conclave/protocol';
import type { TestCluster } from '../../member/testing/cluster.ts';
import type { Environment, Socket, SocketEvents } from '../src/environment.ts';

/** One client's connection, as the test sees it. */
export interface TestConnection {
  readonly url: string;
  readonly memberId: number;
  readonly isOpen: boolean;
  /** Both sides learn that it is gone. */
  cut(): void;
  /** Nothing goes through any more in the named direction, and nobody is told. */
  silence(direction?: 'to-member' | 'to-client' | 'both'): void;
}

interface Filters {
  /** False: the message and everything behind it is lost, as on a connection that dies; the connection is cut. */
  toMember?: (message: ClientMessage, connection: TestConnection) => boolean;
  toClient?: (message: MemberMessage, connection: TestConnection) => boolean;
  /** Not null: the member says so, and does nothing. */
  refuse?: (message: ClientMessage) => ErrorBody | null;
  /** What the client is told instead. */
  replace?: (message: MemberMessage) => MemberMessage;
}

/** Sockets to the members of a cluster in this process. Frames travel in later turns of the event loop, in order. */
export class TestNetwork {
  readonly #cluster: TestCluster;
  readonly connections: TestConnection[] = [];
  readonly errors: unknown[] = [];
  /** Members that refuse connections. */
  readonly down: Set<number> = new Set();
  /** Frames of clients, decoded, in the order in which they were sent. */
  readonly framesSent: (readonly ClientMessage[])[] = [];
  filters: Filters = {};
  /** By member: what its welcomes say, as if the cluster had been restored. */
  readonly incarnations: Map<number, number> = new Map();
  #heldBack: (() => void)[] | null = null;
  /** Added to both clocks: time that passes at once, as for a process that stood still. */
  skippedMs = 0;
  wallSkippedMs = 0;
  timersRunning = 0;

  constructor(cluster: TestCluster) {
    this.#cluster = cluster;
  }

  get current(): TestConnection | undefined {
    return this.connections.findLast(({ isOpen }) => isOpen);
  }

  readonly environment: Environment = {
    clock: {
      nowMs: () => performance.now() + this.skippedMs,
      wallMs: () => Date.now() + this.skippedMs + this.wallSkippedMs,
    },
    timers: {
      after: (delayMs, run) => {
        this.timersRunning++;
        let running = true;
        const stop = (): void => {
          if (running) this.timersRunning--;
          running = false;
        };
        const timer = setTimeout(() => {
          stop();
          run();
        }, delayMs);
        return () => {
          stop();
          clearTimeout(timer);
        };
      },
      soon: (run) => setImmediate(run),
    },
    // A tenth of the jitter: tests cut connections far more often than networks do.
    random: { fraction: () => Math.random() / 10, bytes: (length) => crypto.getRandomValues(new Uint8Array(length)) },
    openSocket: (url, events) => this.#open(url, events),
    report: (error) => this.errors.push(error),
  };

  /** What members send waits, as in the socket of a client that stands still, until the function is called: then it is read in one turn. */
  holdBack(): () => void {
    const heldBack: (() => void)[] = [];
    this.#heldBack = heldBack;
    return () => {
      this.#heldBack = null;
      for (const deliver of heldBack) deliver();
    };
  }

  /** This client reaches nobody any more, and is not told: as when its machine is cut off. */
  cutOff(): void {
    for (const id of this.#cluster.ids) this.down.add(id);
    this.current?.silence();
  }

  async kill(id: number): Promise<void> {
    this.down.add(id);
    for (const connection of this.connections) if (connection.memberId === id) connection.cut();
    await this.#cluster.kill(id);
  }

  async restart(id: number): Promise<void> {
    await this.#cluster.restart(id);
    this.down.delete(id);
  }

  #open(url: string, events: SocketEvents): Socket {
    const memberId = Number(/^ws:\/\/m(\d+)/.exec(url)?.[1]);
    const member = this.#cluster.at(url);
    if (member === undefined || this.down.has(memberId)) {
      setImmediate(() => events.closed('refused'));
      return { send: () => {}, close: () => {} };
    }
    let open = true;
    let told = false;
    const silenced = { toMember: false, toClient: false };
    const tell = (reason: string): void => {
      if (told) return;
      told = true;
      setImmediate(() => events.closed(reason));
    };
    const toClient = (sent: Uint8Array): void => {
      if (!open || silenced.toClient) return;
      const { replace, toClient: passes } = this.filters;
      const frame =
        replace === undefined ? sent : encodeMemberFrame(decodeMemberFrame(sent).map((one) => replace(one)));
      if (passes !== undefined && !decodeMemberFrame(frame).every((message) => passes(message, connection))) {
        return connection.cut();
      }
      const deliver = (): void => {
        if (!told && !silenced.toClient) events.received(this.#asRestored(memberId, frame));
      };
      if (this.#heldBack === null) setImmediate(deliver);
      else this.#heldBack.push(deliver);
    };
    const accepted = member.connectClient({
      send: toClient,
      bufferedBytes: 0,
      pause: () => {},
      resume: () => {},
      close: () => {
        setImmediate(() => {
          open = false;
          if (!silenced.toClient) tell('closed by the member');
        });
      },
    });
    const connection: TestConnection = {
      url,
      memberId,
      get isOpen() {
        return open;
      },
      cut: () => {
        if (!open) return;
        open = false;
        setImmediate(() => accepted.closed());
        tell('cut');
      },
      silence: (direction = 'both') => {
        if (direction !== 'to-client') silenced.toMember = true;
        if (direction !== 'to-member') silenced.toClient = true;
      },
    };
    this.connections.push(connection);
    setImmediate(() => {
      if (!told) events.opened();
    });
    return {
      send: (frame) => {
        if (!open || silenced.toMember) return;
        const messages = decodeClientFrame(frame);
        this.framesSent.push(messages);
        const { refuse, toMember: passes } = this.filters;
        if (passes !== undefined && !messages.every((message) => passes(message, connection))) return connection.cut();
        const taken = messages.filter((message) => {
          const error = refuse?.(message) ?? null;
          if (error !== null && 'id' in message)
            toClient(encodeMemberFrame([{ type: 'error', id: message.id, error }]));
          return error === null;
        });
        if (taken.length === 0) return;
        const received = taken.length === messages.length ? frame : encodeClientFrame(taken);
        setImmediate(() => {
          if (open && !silenced.toMember) accepted.receive(received);
        });
      },
      close: () => {
        if (!open) return;
        told = true;
        open = false;
        // What was sent before arrives before.
        setImmediate(() => setImmediate(() => accepted.closed()));
      },
    };
  }

  #asRestored(memberId: number, frame: Uint8Array): Uint8Array {
    const incarnation = this.incarnations.get(memberId);
    if (incarnation === undefined) return frame;
    const messages = decodeMemberFrame(frame);
    return encodeMemberFrame(messages.map((one) => (one.type === 'welcome' ? { ...one, incarnation } : one)));
  }
}
