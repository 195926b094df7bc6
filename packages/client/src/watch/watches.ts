import {
  decodeEvents,
  type MemberMessage,
  type Revision,
  type RevisionEvents,
  type WatchEnded,
  type WatchEvents,
  type Welcome,
  wireLimits,
} from '@conclave/protocol';
import type { Environment } from '../environment.ts';
import { ConclaveError, clientClosed } from '../error.ts';
import { backoffMs } from '../link/endpoints.ts';
import type { Link, LinkUser } from '../link/link.ts';
import { type StreamOptions, type StreamWire, WatchStream } from './watch-stream.ts';

const maxWatchId = 0xffff_ffff;

/** All watches of a client: created on each new connection, each where it stopped. */
export class Watches implements LinkUser, StreamWire {
  readonly #environment: Environment;
  readonly #link: Link;
  readonly #saw: (revision: Revision) => void;
  readonly #streams = new Set<WatchStream>();
  readonly #byWireId = new Map<number, WatchStream>();
  #nextId = 1;
  #refusals = 0;
  #isClosed = false;

  constructor(environment: Environment, link: Link, saw: (revision: Revision) => void) {
    this.#environment = environment;
    this.#link = link;
    this.#saw = saw;
  }

  get count(): number {
    return this.#streams.size;
  }

  open(options: StreamOptions): WatchStream {
    if (this.#isClosed) throw clientClosed();
    const limit = wireLimits.maxWatchesPerConnection;
    if (this.#streams.size >= limit) {
      const message = `watch: this client has ${limit} watches, the limit is ${limit}`;
      throw new ConclaveError('LIMIT_EXCEEDED', message, { details: { limit } });
    }
    const stream = new WatchStream(this, options);
    this.#streams.add(stream);
    if (this.#link.isReady) stream.connected(this.#link.incarnation);
    this.create(stream);
    return stream;
  }

  create(stream: WatchStream): void {
    if (!this.#link.isReady || !stream.canBegin) return;
    const id = this.#nextId;
    this.#nextId = id === maxWatchId ? 1 : id + 1;
    this.#byWireId.set(id, stream);
    this.#link.send(stream.createMessage(id));
  }

  credit(stream: WatchStream, bytes: number): void {
    if (stream.wireId === null) return;
    for (let left = bytes; left > 0; left -= wireLimits.maxCreditBytes) {
      this.#link.send({ type: 'watchCredit', watch: stream.wireId, bytes: Math.min(left, wireLimits.maxCreditBytes) });
    }
  }

  cancel(stream: WatchStream): void {
    this.#streams.delete(stream);
    if (stream.wireId === null) return;
    this.#byWireId.delete(stream.wireId);
    this.#link.send({ type: 'watchCancel', watch: stream.wireId });
    stream.wireId = null;
  }

  saw(revision: Revision): void {
    this.#saw(revision);
  }

  nowMs(): number {
    return this.#environment.clock.nowMs();
  }

  connected(welcome: Welcome): void {
    for (const stream of this.#streams) {
      stream.connected(welcome.incarnation);
      this.create(stream);
    }
  }

  disconnected(): void {
    this.#byWireId.clear();
    for (const stream of this.#streams) stream.disconnected();
  }

  message(message: MemberMessage): boolean {
    if (message.type === 'watchEvents') this.#events(message);
    else if (message.type === 'watchProgress') {
      for (const id of message.watches) this.#byWireId.get(id)?.progress(message.revision);
    } else if (message.type === 'watchEnded') this.#endedByMember(message);
    else if (message.type === 'watchSnapshot') {
      this.#byWireId.get(message.watch)?.snapshotPiece(message.entries, message.revision);
    } else if (message.type === 'watchSynced') this.#byWireId.get(message.watch)?.synced(message.revision);
    else if (message.type === 'watchCreated') {
      this.#refusals = 0;
      this.#byWireId.get(message.watch)?.created(message.revision);
    } else return false;
    return true;
  }

  #events({ bytes, more, watches }: WatchEvents): void {
    let decoded: RevisionEvents | null = null;
    const whole = (): RevisionEvents => (decoded ??= decodeEvents(bytes));
    for (const id of watches) this.#byWireId.get(id)?.events(bytes, more, whole);
  }

  #endedByMember({ error, watch }: WatchEnded): void {
    const stream = this.#byWireId.get(watch);
    this.#byWireId.delete(watch);
    if (stream?.endedByMember(error) === true) this.#createLater(stream);
  }

  close(): void {
    this.#isClosed = true;
    for (const stream of this.#streams) stream.fail(clientClosed());
  }

  #createLater(stream: WatchStream): void {
    const waitMs = backoffMs(this.#refusals++, this.#environment.random);
    this.#environment.timers.after(waitMs, () => this.create(stream));
  }
}
