// Records what clients saw. Lines are written as they happen and synchronously, so that a run that dies leaves everything it saw.
import { closeSync, openSync, writeSync } from 'node:fs';
import type { Call, HistoryRecord, OperationName, OperationRecord, OperationShapes } from './record.ts';

/** Nanoseconds of CLOCK_MONOTONIC, which all processes of a machine share. */
export function monotonicNs(): number {
  return Number(process.hrtime.bigint());
}

export interface RecorderOptions {
  /** One file for one run; it must not exist yet. Without it the history stays in memory. */
  readonly path?: string;
  readonly nowNs?: () => number;
}

export class HistoryRecorder implements Disposable {
  readonly #records: HistoryRecord[] = [];
  readonly #inFlight = new Set<OperationInFlight<OperationName>>();
  readonly #file: number | undefined;
  readonly #nowNs: () => number;
  #closed = false;

  constructor(options: RecorderOptions = {}) {
    this.#file = options.path === undefined ? undefined : openSync(options.path, 'wx');
    this.#nowNs = options.nowNs ?? monotonicNs;
  }

  get records(): readonly HistoryRecord[] {
    return this.#records;
  }

  nowNs(): number {
    return this.#nowNs();
  }

  /** A logical client: after an operation with an unknown outcome it goes on under a new name, because that one may still run. */
  client(name: string): RecordedClient {
    return new RecordedClient(this, name);
  }

  append(record: HistoryRecord): void {
    if (this.#closed) throw new Error(`the history is closed; ${record.op} came too late`);
    this.#records.push(record);
    if (this.#file !== undefined) writeSync(this.#file, `${JSON.stringify(record)}\n`);
  }

  /** Call it before the first byte is sent, and exactly one of `ok`, `fail` and `unknown` when the answer is decoded. */
  begin<Op extends OperationName>(
    client: string,
    op: Op,
    key: Call<Op>['key'],
    input: Call<Op>['in'],
  ): OperationInFlight<Op> {
    const call = { client, op, key, in: input, call_ns: this.#nowNs() };
    const inFlight = new OperationInFlight<Op>(
      call,
      (record) => {
        this.#inFlight.delete(inFlight);
        this.append(record);
      },
      this.#nowNs,
    );
    this.#inFlight.add(inFlight);
    return inFlight;
  }

  /** What is still in flight is written down as unknown: a call is never left out. */
  close(): void {
    if (this.#closed) return;
    for (const operation of this.#inFlight) operation.unknown('in flight when the run ended');
    this.#closed = true;
    if (this.#file !== undefined) closeSync(this.#file);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

export class OperationInFlight<Op extends OperationName> {
  readonly call: Call<Op>;
  readonly #settle: (record: OperationRecord) => void;
  readonly #nowNs: () => number;
  #settled = false;

  constructor(call: Call<Op>, settle: (record: OperationRecord) => void, nowNs: () => number) {
    this.call = call;
    this.#settle = settle;
    this.#nowNs = nowNs;
  }

  ok(out: OperationShapes[Op]['out']): void {
    this.#end({ ...this.call, out, status: 'ok', return_ns: this.#nowNs() });
  }

  /** Only when it certainly did not take effect and never will. */
  fail(error: string): void {
    this.#end({ ...this.call, error, status: 'fail', return_ns: this.#nowNs() });
  }

  /** Everything else; when in doubt. */
  unknown(error: string): void {
    this.#end({ ...this.call, error, status: 'unknown', return_ns: this.#nowNs() });
  }

  #end(record: object): void {
    // The run may have ended, and said unknown, before the answer came.
    if (this.#settled) return;
    this.#settled = true;
    this.#settle(record as OperationRecord);
  }
}

export class RecordedClient {
  readonly #recorder: HistoryRecorder;
  readonly #name: string;
  #life = 1;

  constructor(recorder: HistoryRecorder, name: string) {
    this.#recorder = recorder;
    this.#name = name;
  }

  get name(): string {
    return this.#life === 1 ? this.#name : `${this.#name}.${this.#life}`;
  }

  /**
   * Records one call. `isFailure` decides which errors say that nothing happened and never will; all others are unknown.
   * The error is thrown on.
   */
  async record<Op extends OperationName>(
    op: Op,
    key: Call<Op>['key'],
    input: Call<Op>['in'],
    perform: () => Promise<OperationShapes[Op]['out']>,
    isFailure: (error: unknown) => boolean,
  ): Promise<OperationShapes[Op]['out']> {
    const operation = this.#recorder.begin(this.name, op, key, input);
    try {
      const out = await perform();
      operation.ok(out);
      return out;
    } catch (error) {
      if (isFailure(error)) {
        operation.fail(String(error));
      } else {
        operation.unknown(String(error));
        this.#life++;
      }
      throw error;
    }
  }
}
