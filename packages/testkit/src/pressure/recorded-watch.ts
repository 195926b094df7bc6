// What a watch delivers, and the final history as each member tells it.
import { connect, type WatchBatch } from '@conclave/client';
import type { HistoryRecorder } from '../history/recorder.ts';
import { patienceMs } from '../processes/test-cluster.ts';
import { waitFor } from '../processes/wait-for.ts';

/** A watch that lives as long as the run, whatever happens to the member behind it. */
export class RecordedWatch {
  readonly #recorder: HistoryRecorder;
  readonly name: string;
  readonly #done: Promise<void>;
  readonly #close: () => Promise<void>;
  #batch = 0;
  #reached = 0;

  private constructor(
    recorder: HistoryRecorder,
    name: string,
    client: Awaited<ReturnType<typeof connect>>,
    prefix: string,
  ) {
    this.#recorder = recorder;
    this.name = name;
    recorder.append({ op: 'watch', watch: name, prefix, start_rev: 1 });
    const run = client.watch({ prefix }, (batch) => this.#take(batch), { from: 1, progressMs: 500 });
    this.#done = run.done;
    // Whoever does not come to its end has failed before, and says why.
    this.#done.catch(() => {});
    this.#close = async () => {
      await run.close();
      await client.close();
    };
  }

  static async start(
    recorder: HistoryRecorder,
    name: string,
    prefix: string,
    endpoints: readonly string[],
  ): Promise<RecordedWatch> {
    return new RecordedWatch(recorder, name, await connect({ endpoints }), prefix);
  }

  /** The revision up to which everything has come. */
  get reached(): number {
    return this.#reached;
  }

  /** Everything up to `revision` must come; then the watch is over. */
  async end(revision: number): Promise<void> {
    await waitFor(
      () => this.#reached >= revision,
      patienceMs,
      () => `${this.name} is at ${this.#reached}, not at ${revision}`,
    );
    this.#recorder.append({ op: 'wend', watch: this.name, caught_up_rev: revision });
    await this.#close();
    await this.#done;
  }

  async close(): Promise<void> {
    await this.#close();
  }

  #take(batch: WatchBatch): void {
    const watch = this.name;
    if (batch.type === 'snapshot') throw new Error('a snapshot that nobody asked for');
    if (batch.type === 'progress') this.#recorder.append({ op: 'wprogress', watch, rev: batch.revision });
    else {
      this.#batch++;
      for (const event of batch.events) {
        const at = { op: 'wevent', watch, rev: batch.revision, key: event.key, batch: this.#batch } as const;
        this.#recorder.append(
          event.type === 'put' ? { ...at, type: 'put', value: event.entry.text() } : { ...at, type: 'delete' },
        );
      }
    }
    this.#reached = Math.max(this.#reached, batch.revision);
  }
}

/** All events up to `revision`, as the member behind `endpoint` has them in its history. */
export async function dumpTruth(
  recorder: HistoryRecorder,
  name: string,
  endpoint: string,
  prefix: string,
  revision: number,
): Promise<void> {
  await using client = await connect({ endpoints: [endpoint], timeoutMs: patienceMs });
  // A client that lost its member would go on at another one, and this would be that one's history.
  let moved = false;
  client.on('state', (state) => {
    moved ||= state === 'reconnecting';
  });
  for await (const batch of client.watch({ prefix }, { from: 1, progressMs: 500 })) {
    if (moved) throw new Error(`the dump of ${name} was interrupted`);
    if (batch.type === 'events' && batch.revision <= revision) {
      for (const event of batch.events) {
        const at = { op: 'event', client: name, rev: batch.revision, key: event.key } as const;
        recorder.append(
          event.type === 'put' ? { ...at, type: 'put', value: event.entry.text() } : { ...at, type: 'delete' },
        );
      }
    }
    if (batch.revision >= revision) return;
  }
}
