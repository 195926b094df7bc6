import { assert } from './assertion.ts';
import { decodeConfiguration } from './configuration.ts';
import { type BootState, type Configuration, type Entry, EntryKind, type Index } from './types.ts';

interface Step {
  /** From this index on it is in force. */
  readonly index: Index;
  readonly configuration: Configuration;
}

/**
 * Which configuration is in force at each index from the applied one on: a function of the log and of what was in force there, which is
 * stored with the state, and of nothing else. So a tail that is cut takes its configurations along, and a snapshot brings its own (openraft #1808, etcd #13741).
 * A configuration is in force from the moment its entry is appended, committed or not (Raft §6).
 */
export class ConfigurationHistory {
  /** By index, ascending. */
  #steps: Step[];

  constructor({ applied, configuration, entries }: BootState) {
    this.#steps = [{ index: applied, configuration }];
    for (const entry of entries) if (entry.index > applied) this.appended(entry);
  }

  /** The last one in the log. */
  get latest(): Configuration {
    return this.#last.configuration;
  }

  /** Where `latest` was appended, or an index behind that. */
  get latestIndex(): Index {
    return this.#last.index;
  }

  get #last(): Step {
    const last = this.#steps.at(-1);
    assert(last !== undefined, 'no configuration is known');
    return last;
  }

  /** In force at `index`, which is not before the newest checkpoint. */
  at(index: Index): Configuration {
    const step = this.#steps.findLast((known) => known.index <= index);
    assert(step !== undefined, `no configuration is known at ${index}`);
    return step.configuration;
  }

  /** All that were in force at `index` or have been since. */
  from(index: Index): Configuration[] {
    return [this.at(index), ...this.#steps.filter((step) => step.index > index).map((step) => step.configuration)];
  }

  appended(entry: Entry): void {
    if (entry.kind !== EntryKind.Configuration) return;
    assert(entry.index > this.latestIndex, `a configuration at ${entry.index}, behind one at ${this.latestIndex}`);
    this.#steps.push({ index: entry.index, configuration: decodeConfiguration(entry.data).configuration });
  }

  /** Entries from `index` on left the log: what was in force before them is so again. */
  truncatedFrom(index: Index): void {
    while (this.latestIndex >= index) this.#steps.pop();
  }

  /** Nobody asks for anything before `index` any more. */
  forgetBefore(index: Index): void {
    const first = this.#steps.findLastIndex((step) => step.index <= index);
    this.#steps = this.#steps.slice(Math.max(first, 0));
  }

  /** The log was replaced by a snapshot at `index`. */
  replaced(index: Index, configuration: Configuration): void {
    this.#steps = [{ index, configuration }];
  }
}
