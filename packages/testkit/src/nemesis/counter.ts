// Exactly once: a key that one client alone writes, one write behind the other, in its session. Its version counts what took effect.
import { setTimeout as pause } from 'node:timers/promises';
import { type Client, ConclaveError, connect } from '@conclave/client';

export class Counter {
  readonly name: string;
  readonly #client: Client;
  readonly #timeoutMs: number;
  readonly #pauseMs: number;
  #acknowledged = 0;
  #unknown = 0;
  #counted: number | null = null;

  private constructor(client: Client, name: string, timeoutMs: number, pauseMs: number) {
    this.#client = client;
    this.name = name;
    this.#timeoutMs = timeoutMs;
    this.#pauseMs = pauseMs;
  }

  static async connect(
    name: string,
    endpoints: readonly string[],
    timeoutMs: number,
    pauseMs: number,
  ): Promise<Counter> {
    return new Counter(await connect({ endpoints }), name, timeoutMs, pauseMs);
  }

  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Writes of which nobody knows. */
  get unknown(): number {
    return this.#unknown;
  }

  async run(stopping: AbortSignal): Promise<void> {
    while (!stopping.aborted) {
      await this.#step();
      await pause(this.#pauseMs * 2 * Math.random());
    }
  }

  /** Asks how many writes took effect. */
  async count(): Promise<void> {
    this.#counted = (await this.#client.get(this.#key, { timeoutMs: this.#timeoutMs }))?.version ?? 0;
  }

  /** Null: what took effect is what was acknowledged, and at most what is not known besides. */
  get violation(): string | null {
    const counted = this.#counted ?? 0;
    const most = this.#acknowledged + this.#unknown;
    if (counted >= this.#acknowledged && counted <= most) return null;
    return `counter ${this.name}: ${counted} writes took effect; ${this.#acknowledged} were acknowledged, of ${this.#unknown} nobody knows`;
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  get #key(): string {
    return `count/${this.name}`;
  }

  async #step(): Promise<void> {
    try {
      await this.#client.put(this.#key, 'again', { timeoutMs: this.#timeoutMs });
      this.#acknowledged++;
    } catch (error) {
      if (!ConclaveError.is(error)) throw error;
      if (error.outcome === 'unknown') this.#unknown++;
    }
  }
}
