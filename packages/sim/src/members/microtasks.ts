/** Runs what promises have waiting, and what that leaves waiting, until there is nothing more: as Node does after each callback. */
const drain: unknown = Reflect.get(process, '_tickCallback');

/**
 * Storage and the SDK answer by promises. All of them settle after each event that touched one, and before the next: so their order is as fixed
 * as that of everything else. Only for callers that no promise has called: what waits runs once nothing else of JavaScript does.
 */
export class Microtasks {
  readonly #drain: () => void;
  #touched = false;

  constructor() {
    // Waiting for the event loop instead, which is what there is in public, costs a microsecond an event: a quarter of a run.
    if (typeof drain !== 'function') throw new Error('this version of Node has no process._tickCallback');
    this.#drain = () => void Reflect.apply(drain, process, []);
  }

  /** A promise was made, or settled. */
  touch(): void {
    this.#touched = true;
  }

  settle(): void {
    if (!this.#touched) return;
    this.#touched = false;
    this.#drain();
  }
}
