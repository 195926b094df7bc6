import { join } from 'node:path';
import { logBlockCacheBytes, logWriteBufferBytes, stateBlockCacheBytes, stateWriteBufferBytes } from '../bounds.ts';
import type { LevelOptions } from '../leveldb/open-level.ts';

/** What lies in a member's data directory. */
export interface Layout {
  readonly directory: string;
  readonly memberFile: string;
  /** What becomes the member file as the last step of an initialisation. */
  readonly initialising: string;
  readonly anchor: string;
  readonly reserve: string;
  readonly log: LevelOptions;
  readonly state: LevelOptions;
}

export function layoutOf(directory: string): Layout {
  return {
    directory,
    memberFile: join(directory, 'member.json'),
    initialising: join(directory, 'member.json.initialising'),
    anchor: join(directory, 'anchor'),
    reserve: join(directory, 'reserve'),
    log: {
      directory: join(directory, 'log'),
      name: 'log',
      writeBufferBytes: logWriteBufferBytes,
      cacheBytes: logBlockCacheBytes,
    },
    state: {
      directory: join(directory, 'state'),
      name: 'state',
      writeBufferBytes: stateWriteBufferBytes,
      cacheBytes: stateBlockCacheBytes,
    },
  };
}
