// Watches over a final history that are right by construction: batches of whole revisions, progress, resumption, compaction.
import type { EventRecord, WatchRecord, WatchStreamRecord } from '../record.ts';
import { Random } from './random.ts';

export function simulateWatch(seed: number, name: string, truth: readonly EventRecord[]): WatchStreamRecord[] {
  const random = new Random(seed);
  const lastRev = truth.at(-1)?.rev ?? 0;
  const selectors: Partial<WatchRecord>[] = [
    {},
    { prefix: 'a/' },
    { from: 'a/2', to: 'b/3' },
    { key: 'a/0' },
    { types: ['put'] },
  ];
  const start: WatchRecord = {
    op: 'watch',
    watch: name,
    ...random.pick(selectors),
    start_rev: random.chance(0.7) ? 1 : random.integer(1, lastRev),
  };
  const stream: WatchStreamRecord[] = [start];
  let batch = 1;
  let rev = start.start_rev;
  let delivered = rev - 1;
  while (rev <= lastRev) {
    const until = Math.min(lastRev, rev + random.integer(0, 3));
    for (const event of truth) {
      if (event.rev < rev || event.rev > until || !selected(start, event)) continue;
      const { client: _, ...rest } = event;
      stream.push({ ...rest, op: 'wevent', watch: name, batch });
      delivered = event.rev;
    }
    batch++;
    rev = until + 1;
    if (random.chance(0.1)) {
      stream.push({ op: 'wprogress', watch: name, rev: until });
      delivered = until;
    }
    if (random.chance(0.05)) {
      stream.push({ op: 'wresume', watch: name, start_rev: delivered + 1 });
      batch = 1;
      rev = delivered + 1;
    } else if (random.chance(0.03) && rev + 3 < lastRev) {
      const compacted = random.integer(rev, rev + 2);
      stream.push({ op: 'wcompacted', watch: name, compact_rev: compacted });
      rev = compacted + random.integer(1, 2);
      delivered = rev - 1;
      stream.push({ op: 'wresume', watch: name, start_rev: rev });
      batch = 1;
    }
  }
  stream.push({ op: 'wend', watch: name, caught_up_rev: lastRev });
  return stream;
}

function selected(watch: WatchRecord, { key, type }: EventRecord): boolean {
  if (watch.types?.includes(type) === false) return false;
  if (watch.key !== undefined) return watch.key === key;
  if (watch.prefix !== undefined) return key.startsWith(watch.prefix);
  return watch.from === undefined || watch.to === undefined || (watch.from <= key && key < watch.to);
}
