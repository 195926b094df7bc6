export type Unsubscribe = () => void;

/** Calls listeners in the order in which they came. What one throws is reported, and stops nobody. */
export class Emitter<Events extends Record<string, readonly unknown[]>> {
  readonly #listeners = new Map<keyof Events, Set<(...values: never) => void>>();
  readonly #report: (error: unknown, where: string) => void;

  constructor(report: (error: unknown, where: string) => void) {
    this.#report = report;
  }

  on<E extends keyof Events>(event: E, listener: (...values: Events[E]) => void): Unsubscribe {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners);
    // Wrapped, so that a listener that is added twice is called twice and removed once.
    const own = (...values: Events[E]): void => listener(...values);
    listeners.add(own);
    return () => {
      listeners.delete(own);
    };
  }

  emit<E extends keyof Events>(event: E, ...values: Events[E]): void {
    // A copy: a listener may add and remove others.
    for (const listener of Array.from(this.#listeners.get(event) ?? [])) {
      try {
        (listener as (...given: Events[E]) => void)(...values);
      } catch (error) {
        this.#report(error, `a listener of '${String(event)}'`);
      }
    }
  }
}
