import type { Random } from '../random.ts';
import type { ClientProcess } from './client-process.ts';
import { observeElection } from './election-observer.ts';
import { MirrorReader } from './mirror-reader.ts';
import type { MemberObserver } from './observer.ts';
import { WatchReader, watchSettings } from './watch-reader.ts';

/** Of clients that watch keys, that mirror some, and that observe an election. */
const watchingShare = 0.6;
const mirroringShare = 0.4;
const observingShare = 0.4;

export type Reader = WatchReader | MirrorReader;

export interface ReaderCounts {
  readonly snapshots: number;
  readonly compacted: number;
  /** States of mirrors that were compared with the history, those that came by a difference, and revisions that were waited for. */
  readonly mirrored: number;
  readonly resynced: number;
  readonly awaited: number;
}

/** What an application follows for as long as it lives. */
export function beginReading(
  client: ClientProcess,
  random: Random,
  watchBufferBytes: number,
  revision: number,
  observers: readonly MemberObserver[],
): Reader[] {
  const readers: Reader[] = [];
  if (random.chance(watchingShare)) {
    const watch = watchSettings(random, watchBufferBytes, revision);
    readers.push(new WatchReader(client, watch, random.fork('watch'), observers));
  }
  if (random.chance(observingShare)) observeElection(client, 'l0', observers);
  const mirror = random.fork('mirror');
  if (mirror.chance(mirroringShare)) readers.push(new MirrorReader(client, mirror, observers));
  return readers;
}

export function countReaders(readers: readonly Reader[]): ReaderCounts {
  const all = { snapshots: 0, compacted: 0, mirrored: 0, resynced: 0, awaited: 0 };
  for (const { counts } of readers) {
    for (const [what, count] of Object.entries(counts)) all[what as keyof ReaderCounts] += count;
  }
  return all;
}
