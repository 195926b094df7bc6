import type { SnapshotStore } from '@conclave/storage';
import type { Microtasks } from './microtasks.ts';

/** Snapshots whose promises are settled in the order of events; `exported` is called for each that is made. */
export function touchingSnapshots(
  snapshots: SnapshotStore,
  microtasks: Microtasks,
  exported: () => void,
): SnapshotStore {
  const touching = async <T>(act: () => Promise<T>): Promise<T> => {
    microtasks.touch();
    const result = await act();
    microtasks.touch();
    return result;
  };
  return {
    get exports() {
      return snapshots.exports;
    },
    get staging() {
      return snapshots.staging;
    },
    export: async () =>
      touching(async () => {
        const made = await snapshots.export();
        exported();
        return {
          meta: made.meta,
          release: async () => touching(async () => made.release()),
          chunks: (from) => {
            const chunks = made.chunks(from)[Symbol.asyncIterator]();
            return { [Symbol.asyncIterator]: () => ({ next: async () => touching(async () => chunks.next()) }) };
          },
        };
      }),
    stage: async (meta) =>
      touching(async () => {
        const staging = await snapshots.stage(meta);
        return {
          meta,
          get next() {
            return staging.next;
          },
          get finished() {
            return staging.finished;
          },
          write: async (chunk) => touching(async () => staging.write(chunk)),
          finish: async () => touching(async () => staging.finish()),
          abort: async () => touching(async () => staging.abort()),
        };
      }),
  };
}
