/**
 * Storage answers by promises, and these resolve only when the simulator lets go of the thread. It does so after each event that touched a
 * promise, and until then nothing else happens: so their order is as fixed as that of everything else, and events that touched none cost nothing.
 */
export class Microtasks {
  #touched = false;

  /** A promise was made, or settled. */
  touch(): void {
    this.#touched = true;
  }

  get isTouched(): boolean {
    return this.#touched;
  }

  /** Resolves when every promise that can settle has. */
  async settle(): Promise<void> {
    this.#touched = false;
    // All microtasks run before the next macrotask.
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}
