import {
  holdsFeature,
  type KeepaliveHoldsAnswer,
  type MemberMessage,
  type SessionClaim,
  type SessionStanding,
  type Welcome,
  wireLimits,
} from '@conclave/protocol';
import { bounds } from '../bounds.ts';
import type { Cancel, Environment } from '../environment.ts';
import { ConclaveError, clientClosed } from '../error.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { Link, LinkUser } from '../link/link.ts';
import { confirmHolds } from '../lock/confirm-holds.ts';
import type { Hold } from '../lock/hold.ts';
import { checkTtl } from './check-ttl.ts';
import { SessionCore } from './session-core.ts';
import type { SessionOptions } from './session-state.ts';

/** All sessions of a client: opened, claimed at each new connection, kept alive together, watched over. */
export class Sessions implements LinkUser {
  readonly #environment: Environment;
  readonly #exchange: Exchange;
  readonly #link: Link;
  readonly #metadata: Readonly<Record<string, string>>;
  readonly #created: () => void;
  readonly #cores = new Set<SessionCore>();
  /** Those of the client itself, one a ttl. */
  readonly #own = new Map<number, SessionCore>();
  #claimed: readonly SessionCore[] = [];
  #watchdog: Cancel | null = null;
  #lastNowMs = 0;
  #lastWallMs = 0;
  #keepaliveAtMs = 0;
  /** The last keepalive was confirmed: this member is of use. */
  #isConfirmed = true;
  /** The member of this connection says with a keepalive what is held. */
  #asksWithKeepalive = false;
  #isClosed = false;

  /** `created`: there is more at stake now. */
  constructor(
    environment: Environment,
    link: Link,
    exchange: Exchange,
    metadata: Readonly<Record<string, string>>,
    created: () => void,
  ) {
    this.#created = created;
    this.#environment = environment;
    this.#link = link;
    this.#exchange = exchange;
    this.#metadata = metadata;
  }

  /**
   * Nothing shows by itself that this member is of use: something is waited for that comes unasked, or a keepalive was not confirmed. Otherwise the
   * keepalives do, three to a ttl.
   */
  get isInDoubt(): boolean {
    if (this.#cores.size === 0) return false;
    if (!this.#isConfirmed) return true;
    for (const { waiters } of this.#cores) if (waiters.size > 0) return true;
    return false;
  }

  /** Of the sessions whose time runs. */
  get shortestTtlMs(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...[...this.#cores].map(({ ttlMs }) => ttlMs));
  }

  /** A session of its own. Opened by the caller. */
  create(options: Partial<SessionOptions> = {}): SessionCore {
    const ttlMs = options.ttlMs ?? bounds.defaultSessionTtlMs;
    checkTtl(ttlMs);
    if (this.#isClosed) throw clientClosed();
    if (this.#cores.size >= wireLimits.maxSessionsPerConnection) {
      const limit = wireLimits.maxSessionsPerConnection;
      throw new ConclaveError('LIMIT_EXCEEDED', `this client has ${limit} sessions, the limit is ${limit}`, {
        details: { limit },
      });
    }
    const metadata = { ...this.#metadata, ...options.metadata };
    const core: SessionCore = new SessionCore(this.#environment, this.#exchange, { ttlMs, metadata }, () => {
      this.#cores.delete(core);
    });
    this.#cores.add(core);
    // The next one is due by the ttls that there were when the last one left.
    this.#keepaliveAtMs = Math.min(this.#keepaliveAtMs, this.#environment.clock.nowMs() + this.#keepaliveMs());
    this.#created();
    this.#watch();
    return core;
  }

  /** The client's own session of this ttl. It opens by itself; one that has ended is followed by another. */
  own(ttlMs: number = bounds.defaultSessionTtlMs): SessionCore {
    this.check();
    const known = this.#own.get(ttlMs);
    if (known !== undefined && !known.isFinal) return known;
    const core = this.create({ ttlMs });
    this.#own.set(ttlMs, core);
    // Whoever waits for something under it is told why it did not open.
    core.open().catch(() => {});
    return core;
  }

  /** Looks at the clock. Nothing of ours goes on before every session whose time is up has said so. */
  check(): void {
    const nowMs = this.#environment.clock.nowMs();
    for (const core of this.#cores) core.check(nowMs);
  }

  claims(): readonly SessionClaim[] {
    this.#claimed = [];
    const claimed: SessionCore[] = [];
    const claims: SessionClaim[] = [];
    for (const core of this.#cores) {
      // A claim renews. Of what is lost here already only the fate is wanted: it is claimed once a welcome shows that somebody can be heard, or a
      // client that never hears one would keep alive with every hello what it has given up.
      const claim = core.isFinal ? null : core.claim();
      if (claim === null) continue;
      claimed.push(core);
      claims.push(claim);
    }
    this.#claimed = claimed;
    return claims;
  }

  connected(welcome: Welcome, helloSentMs: number): void {
    const claimed = this.#claimed;
    this.#claimed = [];
    this.#isConfirmed = true;
    this.#asksWithKeepalive = welcome.features.includes(holdsFeature);
    claimed.forEach((core, at) => {
      const standing: SessionStanding | undefined = welcome.sessions[at];
      core.resumed(standing?.ttlMs ?? null, helloSentMs);
    });
    for (const core of this.#cores) if (core.isFinal && !core.isAttached) void core.resume();
    // The standing confirms the sessions; what they hold is confirmed by the guards that go with a keepalive.
    this.#keepaliveAtMs = this.#environment.clock.nowMs();
  }

  disconnected(): void {
    for (const core of this.#cores) core.disconnected();
  }

  message(message: MemberMessage): boolean {
    if (message.type === 'granted') {
      const core = this.#byId(message.session);
      core?.waiters.get(message.sequence)?.granted(message.fence);
      if (message.contended) core?.contended(message.sequence);
      return true;
    }
    if (message.type === 'contended') {
      this.#byId(message.session)?.contended(message.sequence);
      return true;
    }
    if (message.type === 'broken') {
      this.#byId(message.session)?.broken(message);
      return true;
    }
    if (message.type !== 'sessionEnded') return false;
    this.#byId(message.session)?.ended(message.cause);
    return true;
  }

  /** Resolves when all have ended in order. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#cores].map((core) => core.close()));
  }

  stop(): void {
    this.#isClosed = true;
    this.#watchdog?.();
    this.#watchdog = null;
    for (const core of this.#cores) core.ended('closed');
  }

  #byId(id: number): SessionCore | null {
    for (const core of this.#cores) if (core.id === id) return core;
    return null;
  }

  /** Three to a ttl: one may be lost, and still the next one comes in time. */
  #keepaliveMs(): number {
    return this.shortestTtlMs / 3;
  }

  #watch(): void {
    if (this.#watchdog !== null || this.#cores.size === 0) return;
    const { clock, timers } = this.#environment;
    this.#lastNowMs = clock.nowMs();
    this.#lastWallMs = clock.wallMs();
    const periodMs = Math.max(bounds.minWatchdogMs, Math.min(bounds.watchdogMs, this.shortestTtlMs / 50));
    this.#watchdog = timers.after(periodMs, () => {
      this.#watchdog = null;
      this.#notice();
      this.check();
      this.#keepAlive();
      this.#watch();
    });
  }

  /** A machine that sleeps stops its monotonic clock, and no other. */
  #notice(): void {
    const { clock } = this.#environment;
    const nowMs = clock.nowMs();
    const aheadMs = clock.wallMs() - this.#lastWallMs - (nowMs - this.#lastNowMs);
    for (const core of this.#cores) {
      if (aheadMs < core.ttlMs / 2) continue;
      core.suspect(nowMs);
      this.#keepaliveAtMs = nowMs;
    }
  }

  #keepAlive(): void {
    const nowMs = this.#environment.clock.nowMs();
    if (!this.#link.isReady || nowMs < this.#keepaliveAtMs) return;
    this.#keepaliveAtMs = nowMs + this.#keepaliveMs();
    const cores = [...this.#cores].filter((core) => core.isAttached && !core.isFinal);
    if (cores.length === 0) return;
    this.#isConfirmed = false;
    void this.#renew(cores, nowMs);
  }

  /** Of all that these sessions hold, what the keepalive confirms itself; the rest is asked for beside it. */
  #divideHolds(cores: readonly SessionCore[], untilMs: number): readonly Hold[] {
    const holds = cores.flatMap((core) => [...core.holds]);
    const withIt = this.#asksWithKeepalive ? holds.slice(0, wireLimits.maxHoldsPerKeepalive) : [];
    void confirmHolds(this.#exchange, holds.slice(withIt.length), untilMs);
    return withIt;
  }

  #confirmHolds(holds: readonly Hold[], lost: KeepaliveHoldsAnswer['lost'], sentMs: number, untilMs: number): void {
    if (lost === null) return void confirmHolds(this.#exchange, holds, untilMs);
    const isLost = new Set(lost);
    holds.forEach((hold, place) => {
      if (isLost.has(place)) hold.end('it was broken', undefined);
      else hold.confirmed(sentMs);
    });
  }

  async #renew(cores: readonly SessionCore[], nowMs: number): Promise<void> {
    const leases = cores.map(({ id }) => id).filter((id) => id !== null);
    const untilMs = nowMs + this.shortestTtlMs;
    const holds = this.#divideHolds(cores, untilMs);
    const proofs = holds.map(({ proof }) => proof);
    try {
      const { message, sentMs } = await this.#exchange.ask(
        {
          what: 'keepalive',
          lane: this.#exchange.vital,
          changes: false,
          repeatable: false,
          bytes: 0,
          message: (id) =>
            proofs.length === 0
              ? { type: 'keepalive', id, leases }
              : { type: 'keepaliveHolds', id, leases, holds: proofs },
        },
        { deadlineMs: untilMs },
      );
      if (message.type !== 'keepaliveAnswer' && message.type !== 'keepaliveHoldsAnswer') return;
      this.#isConfirmed = true;
      for (const { lease, ttlMs } of message.leases) {
        const core = this.#byId(lease);
        if (ttlMs === null) core?.ended('expired');
        else core?.confirmed(sentMs);
      }
      if (message.type === 'keepaliveHoldsAnswer') this.#confirmHolds(holds, message.lost, sentMs, untilMs);
    } catch {
      // Asked again soon; the deadline does not move.
      this.#keepaliveAtMs = Math.min(this.#keepaliveAtMs, this.#environment.clock.nowMs() + this.#keepaliveMs() / 4);
    }
  }
}
