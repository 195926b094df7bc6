import {
  type BackupRead,
  type Broken,
  type ClientMessage,
  type Contended,
  commonVersion,
  decodeClientFrame,
  decodeClientOperation,
  encodeOperation,
  encodeResult,
  foundedClusterId,
  type Granted,
  type Hello,
  holdsFeature,
  isReadOnly,
  type Keepalive,
  type KeepaliveHolds,
  type LeaseId,
  type LeaseTimes,
  type MemberMessage,
  type Mutate,
  minProtocolVersion,
  ProtocolError,
  protocolVersion,
  type QueryRequest,
  type SessionEndCause,
  type SessionOpenRequest,
  type SessionResume,
  type SessionStanding,
  type TransferLeader,
  toErrorBody,
  wireLimits,
} from '@conclave/protocol';
import { protocolError, type Response } from '@conclave/state-machine';
import { asError } from '../defect.ts';
import type { Cancel, ClientSocket } from '../environment.ts';
import { mustHaveLevel } from '../level.ts';
import { Mutation, type Settled } from '../mutation.ts';
import { bounds } from '../settings.ts';
import { TransferError } from '../transfer-refusal.ts';
import type { WatchClient } from '../watch/watch-client.ts';
import type { Attached } from './attachments.ts';
import type { ClientServices } from './client-services.ts';
import type { KeptAlive } from './keepalives.ts';
import { Outbox } from './outbox.ts';
import { RequestWindow } from './request-window.ts';

/** When to try a member again that has no leader: about when it may have one. */
const leaderlessRetryMs = 100;

/** One client's connection, from its hello to its end: what it asks, what it is answered, and what it is told unasked. */
export class ClientConnection implements Attached {
  readonly #services: ClientServices;
  readonly #socket: ClientSocket;
  readonly #outbox: Outbox;
  readonly #window: RequestWindow;
  readonly #sessions = new Set<LeaseId>();
  /** Ended while they were here, the last few: their requests are told so. */
  readonly #ended = new Set<LeaseId>();
  readonly #helloTimer: Cancel;
  /** Identifies its queue among those from which proposals are taken in turn. */
  readonly #lane = {};
  readonly order: number;
  /** What it is told unasked before the welcome, which comes first. */
  #early: MemberMessage[] = [];
  #watches: WatchClient | null = null;
  #author: string | null = null;
  #state: 'new' | 'greeting' | 'open' | 'closed' = 'new';

  constructor(services: ClientServices, socket: ClientSocket, order: number) {
    this.#services = services;
    this.order = order;
    this.#socket = socket;
    this.#outbox = new Outbox(socket, services.dispatch, () => this.#overrun());
    this.#window = new RequestWindow(socket);
    this.#helloTimer = services.timers.after(bounds.helloTimeoutMs, () => {
      if (this.#state === 'new')
        this.#end(new ProtocolError('PROTOCOL', `no hello within ${bounds.helloTimeoutMs} ms`));
      else
        this.goodbye(
          new ProtocolError('UNAVAILABLE', 'the sessions could not be confirmed in time'),
          leaderlessRetryMs,
        );
    });
  }

  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  receive(frame: Uint8Array): void {
    if (this.#state === 'closed') return;
    try {
      const messages = decodeClientFrame(frame);
      for (const message of messages) this.#handle(message, frame.length / messages.length);
    } catch (error) {
      if (error instanceof ProtocolError) this.#end(error);
      else this.#services.failed(asError(error));
    }
  }

  /** The connection is gone. Its sessions live on, until they are taken over or their time is up. */
  closed(): void {
    if (this.isClosed) return;
    this.#state = 'closed';
    this.#helloTimer();
    this.#outbox.close();
    this.#window.close();
    this.#watches?.close();
    for (const session of this.#sessions) this.#services.attachments.detach(session, this);
    this.#services.mutations.clientGone(this.#lane);
    this.#services.queries.clientGone(this.#lane);
    this.#services.backups.gone(this);
    this.#services.connectionClosed(this);
  }

  /** This member stops: the client is told to go elsewhere. */
  goodbye(error: ProtocolError, retryAfterMs: number | null): void {
    if (this.#state === 'closed') return;
    this.#outbox.add({ type: 'goodbye', error: toErrorBody(error), retryAfterMs });
    this.#outbox.flush();
    // Even this may have been one too many.
    if (this.isClosed) return;
    this.closed();
    this.#socket.close();
  }

  told(message: Granted | Contended | Broken): void {
    this.#push(message);
  }

  ended(session: LeaseId, cause: SessionEndCause): void {
    this.#sessions.delete(session);
    if (cause !== 'fenced') this.#noteEnded(session);
    this.#push({ type: 'sessionEnded', session, cause });
  }

  #noteEnded(session: LeaseId): void {
    this.#ended.add(session);
    if (this.#ended.size <= wireLimits.maxSessionsPerConnection) return;
    for (const oldest of this.#ended) {
      this.#ended.delete(oldest);
      return;
    }
  }

  #push(message: MemberMessage): void {
    if (this.#state === 'greeting') this.#early.push(message);
    else this.#outbox.add(message);
  }

  membersChanged(): void {
    if (this.#state !== 'open') return;
    const { leaderId, members } = this.#services.cluster();
    this.#outbox.add({ type: 'membersChanged', leaderId, members });
  }

  #end(error: ProtocolError): void {
    this.#services.log.warn({ code: error.code, reason: error.message }, 'closing a client connection');
    this.goodbye(error, null);
  }

  #overrun(): void {
    const message = `${this.#socket.bufferedBytes} bytes wait for this client, the limit is ${bounds.maxClientBacklogBytes}`;
    this.#services.log.warn({}, message);
    this.closed();
    this.#socket.close();
  }

  #handle(message: ClientMessage, bytes: number): void {
    if (message.type === 'hello') return this.#hello(message);
    if (this.#state !== 'open' || this.#watches === null) {
      throw new ProtocolError('PROTOCOL', `${message.type}: nothing is answered before the welcome`);
    }
    switch (message.type) {
      case 'mutate':
        return this.#mutate(message, bytes);
      case 'query':
        return this.#query(message, bytes);
      case 'sessionOpen':
        return this.#openSession(message, bytes);
      case 'sessionResume':
        return this.#resumeSessions(message, bytes);
      case 'keepalive':
      case 'keepaliveHolds':
        return this.#keepalive(message, bytes);
      case 'leaseTimes':
        return this.#leaseTimes(message, bytes);
      case 'watchCreate':
        return this.#watches.create(message);
      case 'watchCredit':
        return this.#watches.credit(message);
      case 'watchCancel':
        return this.#watches.cancel(message);
      case 'statusRequest':
        return this.#outbox.add({ type: 'status', id: message.id, status: this.#services.status() });
      case 'transferLeader':
        return this.#transferLeader(message, bytes);
      case 'backupRead':
        return this.#readBackup(message, bytes);
    }
  }

  #transferLeader({ id, to }: TransferLeader, bytes: number): void {
    const leave = this.#window.enter(bytes);
    this.#services
      .transferLeader(to)
      .then(
        (leaderId) => this.#outbox.add({ type: 'transferred', id, leaderId }),
        (error: unknown) => this.#outbox.add({ type: 'error', id, error: toErrorBody(transferFailure(error)) }),
      )
      .finally(leave)
      .catch((error: unknown) => this.#services.failed(asError(error)));
  }

  #readBackup({ chunk, id }: BackupRead, bytes: number): void {
    const leave = this.#window.enter(bytes);
    this.#services.backups
      .read(this, chunk)
      .then(
        (read) => this.#outbox.add({ type: 'backupChunk', id, bytes: read }),
        (error: unknown) => this.#refuse(id, error),
      )
      .finally(leave)
      .catch((error: unknown) => this.#services.failed(asError(error)));
  }

  #hello({ author, clusterId, features, maxVersion, minVersion, sessions }: Hello): void {
    if (this.#state !== 'new') throw new ProtocolError('PROTOCOL', 'hello: it was said before');
    const version = commonVersion(minVersion, maxVersion);
    if (version === null) {
      const own = `${minProtocolVersion} to ${protocolVersion}`;
      const message = `the client speaks versions ${minVersion} to ${maxVersion}, this member ${own}`;
      throw new ProtocolError('UNSUPPORTED_VERSION', message);
    }
    const own = this.#services.cluster().clusterId;
    // A cluster that was restored is the same to its clients: the incarnation tells them what it means for them.
    if (clusterId !== null && foundedClusterId(clusterId) !== foundedClusterId(own)) {
      throw new ProtocolError('INVALID_ARGUMENT', `this is cluster ${own}, not ${clusterId}`);
    }
    this.#state = 'greeting';
    this.#author = author;
    this.#services.claims.take(sessions, this.#claimant, (standings) => {
      if (this.#state !== 'greeting') return;
      if (standings === null) {
        const message = 'there is no leader that could confirm the sessions';
        return this.goodbye(new ProtocolError('UNAVAILABLE', message), leaderlessRetryMs);
      }
      this.#adopt(standings);
      this.#state = 'open';
      this.#helloTimer();
      this.#watches = this.#services.watches(this.#outbox);
      this.#outbox.add({
        type: 'welcome',
        version,
        features: features.filter((feature) => feature === holdsFeature),
        ...this.#services.cluster(),
        windowRequests: bounds.windowRequests,
        windowBytes: bounds.windowBytes,
        maxFrameBytes: wireLimits.maxClientFrameBytes,
        sessions: standings,
      });
      for (const message of this.#early.splice(0)) this.#outbox.add(message);
    });
  }

  get #claimant(): Parameters<ClientServices['claims']['take']>[1] {
    return { by: this, lane: this.#lane, author: this.#author };
  }

  #adopt(standings: readonly SessionStanding[]): void {
    for (const { session } of standings) {
      if (this.#services.attachments.isAttached(session, this)) this.#sessions.add(session);
    }
  }

  #mutate({ deadlineMs, id, identity, operation, reason }: Mutate, bytes: number): void {
    try {
      const decoded = decodeClientOperation(operation);
      if (!isReadOnly(decoded)) mustHaveLevel(decoded.type, this.#services.level(), this.#services.commands);
      else {
        throw new ProtocolError('INVALID_ARGUMENT', 'operation: it only reads, and is asked for by a query');
      }
      if (identity.by === 'session') this.#mustHave(identity);
    } catch (error) {
      return this.#refuse(id, error);
    }
    const answered = this.#window.enter(bytes);
    const settle = (settled: Settled): void => {
      answered();
      this.#answer(id, settled, null);
    };
    const intent = { identity, author: this.#author, reason, operation };
    const origin = { from: 'client', lane: this.#lane, settle } as const;
    this.#services.mutations.submit(new Mutation(intent, origin, this.#deadline(deadlineMs)));
  }

  #mustHave({ epoch, session }: Extract<Mutate['identity'], { by: 'session' }>): void {
    const present = this.#services.attachments.epochOf(session, this);
    if (present === epoch) return;
    // Whether an earlier sending was applied before the end, only the SDK may know.
    if (this.#ended.has(session)) throw new ProtocolError('SESSION_EXPIRED', `session ${session} has ended`, 'unknown');
    const problem = present === null ? 'is not, or no longer, on this connection' : `has epoch ${present} here`;
    throw new ProtocolError('FENCED', `session ${session} ${problem}; the request names epoch ${epoch}`);
  }

  #query({ consistency, deadlineMs, id, minRevision, operation }: QueryRequest, bytes: number): void {
    let query: ReturnType<typeof decodeClientOperation>;
    try {
      query = decodeClientOperation(operation);
      if (!isReadOnly(query))
        throw new ProtocolError('INVALID_ARGUMENT', `operation: ${query.type} writes, and is no query`);
    } catch (error) {
      return this.#refuse(id, error);
    }
    const answered = this.#window.enter(bytes);
    this.#services.queries.submit({
      query,
      lane: this.#lane,
      consistency,
      minRevision,
      deadlineMs: this.#deadline(deadlineMs),
      settle: (answer) => {
        answered();
        this.#answer(id, answer, consistency === 'local' ? this.#services.stalenessMs() : null);
      },
    });
  }

  #openSession({ id, metadata, secret, ttlMs }: SessionOpenRequest, bytes: number): void {
    if (this.#sessions.size >= wireLimits.maxSessionsPerConnection) {
      const message = `this connection has ${this.#sessions.size} sessions, the limit is ${wireLimits.maxSessionsPerConnection}`;
      return this.#refuse(id, new ProtocolError('LIMIT_EXCEEDED', message));
    }
    const answered = this.#window.enter(bytes);
    const secretHash = this.#services.hash(secret);
    const operation = encodeOperation({ type: 'sessionOpen', ttlMs, secretHash, metadata });
    const settle = (settled: Settled): void => {
      answered();
      if ('error' in settled || settled.response.type !== 'sessionOpen') return this.#answer(id, settled, null);
      this.#attach(settled.response.session);
      if (settled.repeated) this.#renewed(id, settled, settled.response.session);
      else this.#answer(id, settled, null);
    };
    // The secret's hash is identity enough: opened twice with the same secret, it is one session. It takes none of the room for idempotency
    // keys: where that is full, sessions are still opened.
    const intent = {
      identity: { by: 'none' },
      isIdempotent: true,
      author: this.#author,
      reason: null,
      operation,
    } as const;
    const origin = { from: 'client', lane: this.#lane, settle } as const;
    this.#services.mutations.submit(new Mutation(intent, origin, this.#deadline(null)));
  }

  /** Opened by an earlier sending, its time runs since then; the client counts from this one, so it is renewed first. */
  #renewed(id: number, settled: Settled, session: LeaseId): void {
    this.#services.renewals.renew([session], (ttlsMs) => {
      if (ttlsMs === null)
        return this.#refuse(id, new ProtocolError('UNAVAILABLE', 'no leader could confirm it', 'unknown'));
      if (ttlsMs[0] === null)
        return this.#refuse(id, new ProtocolError('SESSION_EXPIRED', `session ${session} has ended`, 'unknown'));
      this.#answer(id, settled, null);
    });
  }

  #attach(session: LeaseId): void {
    if (this.#state !== 'open' || !this.#services.claims.opened(session, this)) return;
    this.#sessions.add(session);
  }

  #resumeSessions({ id, sessions }: SessionResume, bytes: number): void {
    const answered = this.#window.enter(bytes);
    this.#services.claims.take(sessions, this.#claimant, (standings) => {
      answered();
      if (standings === null) return this.#refuse(id, new ProtocolError('UNAVAILABLE', 'there is no leader'));
      this.#adopt(standings);
      this.#outbox.add({ type: 'sessionsResumed', id, sessions: standings });
    });
  }

  #keepalive(message: Keepalive | KeepaliveHolds, bytes: number): void {
    const { id, leases } = message;
    const answered = this.#window.enter(bytes);
    // Renewed over a connection that it has left, it would live on although whoever has it now is gone.
    const elsewhere = new Set(leases.filter((lease) => this.#services.claims.isElsewhere(lease, this)));
    for (const session of elsewhere) this.#push({ type: 'sessionEnded', session, cause: 'fenced' });
    const renewed = elsewhere.size === 0 ? leases : leases.filter((lease) => !elsewhere.has(lease));
    const holds = message.type === 'keepalive' ? [] : message.holds;
    const done = (answer: KeptAlive | null): void => {
      answered();
      if (answer === null) return this.#refuse(id, new ProtocolError('UNAVAILABLE', 'no leader could confirm it'));
      const { lost, ttlsMs } = answer;
      const standing = renewed.map((lease, at) => ({ lease, ttlMs: ttlsMs[at] ?? null }));
      if (message.type === 'keepalive') this.#outbox.add({ type: 'keepaliveAnswer', id, leases: standing });
      else this.#outbox.add({ type: 'keepaliveHoldsAnswer', id, leases: standing, lost });
    };
    this.#services.keepalives.take({ leases: renewed, holds, done });
  }

  #leaseTimes({ id, leases }: LeaseTimes, bytes: number): void {
    const answered = this.#window.enter(bytes);
    this.#services.renewals.look(leases, (leftMs) => {
      answered();
      if (leftMs === null) return this.#refuse(id, new ProtocolError('UNAVAILABLE', 'no leader could confirm it'));
      const times = leases.map((lease, at) => ({ lease, remainingMs: leftMs[at] ?? null }));
      this.#outbox.add({ type: 'leaseTimesAnswer', id, leases: times });
    });
  }

  #deadline(deadlineMs: number | null): number {
    return this.#services.clock.nowMs() + (deadlineMs ?? bounds.defaultDeadlineMs);
  }

  #answer(id: number, answer: Settled | { readonly response: Response }, stalenessMs: number | null): void {
    if ('error' in answer) return this.#refuse(id, answer.error);
    if (answer.response.type === 'error') return this.#refuse(id, protocolError(answer.response));
    try {
      const result = encodeResult(answer.response);
      this.#outbox.add({ type: 'result', id, stalenessMs, result });
    } catch (error) {
      this.#refuse(id, error);
    }
  }

  #refuse(id: number, error: unknown): void {
    if (!(error instanceof ProtocolError)) throw error;
    this.#outbox.add({ type: 'error', id, error: toErrorBody(error) });
  }
}

/** Leadership stays where it was. */
function transferFailure(error: unknown): ProtocolError {
  const isWrong = error instanceof TransferError && error.reason === 'invalid-target';
  return new ProtocolError(isWrong ? 'INVALID_ARGUMENT' : 'UNAVAILABLE', asError(error).message);
}
