import { join } from 'node:path';
import { logBlockCacheBytes, logWriteBufferBytes, stateBlockCacheBytes, stateWriteBufferBytes } from '../bounds.ts';
import type { LevelOptions } from '../leveldb/open-level.ts';

/** What lies in a member's data directory. */
export interface Layout {
  readonly directory: string;
  readonly memberFile: string;
  /** What becomes the member file as the last step of an initialisation. */
  readonly initialising: string;
  /** The same of a restore: what it leaves half done must not be taken for nothing. */
  readonly restoring: string;
  /** Its presence says that a peer knows better than this disk what was acknowledged here. */
  readonly condemned: string;
  readonly anchor: string;
  readonly reserve: string;
  readonly log: LevelOptions;
}

const stateName = /^state(-[1-9]\d*)?$/;

/** Whether a name in a data directory is one of a state, of whatever generation. */
export function isStateName(name: string): boolean {
  return stateName.test(name);
}

/** Generation 0 is the one that an initialisation makes; each snapshot that is received makes the next. */
export function stateOf({ directory }: Layout, generation: number): LevelOptions {
  const name = generation === 0 ? 'state' : `state-${generation}`;
  return {
    directory: join(directory, name),
    name,
    writeBufferBytes: stateWriteBufferBytes,
    cacheBytes: stateBlockCacheBytes,
  };
}

export function layoutOf(directory: string): Layout {
  return {
    directory,
    memberFile: join(directory, 'member.json'),
    initialising: join(directory, 'member.json.initialising'),
    restoring: join(directory, 'member.json.restoring'),
    condemned: join(directory, 'member.json.lost'),
    anchor: join(directory, 'anchor'),
    reserve: join(directory, 'reserve'),
    log: {
      directory: join(directory, 'log'),
      name: 'log',
      writeBufferBytes: logWriteBufferBytes,
      cacheBytes: logBlockCacheBytes,
    },
  };
}
