import type { Storage } from '../storage.ts';

export interface Subject {
  /** Opens what was there; the one opened before must be closed. */
  open(): Promise<Storage>;
  /** Makes the next write of the open storage fail. Absent where that takes another process or a prepared disk. */
  failNextWrite?(): void;
  dispose(): Promise<void>;
}

export interface Implementation {
  readonly name: string;
  readonly failsOnDemand: boolean;
  /** Runs of the property test: each opens the store several times. */
  readonly modelRuns: number;
  create(): Promise<Subject>;
}

/** A storage that is open, and can be closed and opened again. */
export class Bench {
  storage: Storage;
  readonly subject: Subject;

  private constructor(subject: Subject, storage: Storage) {
    this.subject = subject;
    this.storage = storage;
  }

  static async start(implementation: Implementation): Promise<Bench> {
    const subject = await implementation.create();
    return new Bench(subject, await subject.open());
  }

  async reopen(): Promise<Storage> {
    await this.storage.close();
    this.storage = await this.subject.open();
    return this.storage;
  }

  async stop(): Promise<void> {
    await this.storage.close();
    await this.subject.dispose();
  }
}
