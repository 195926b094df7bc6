import { commandVersion, levelOf, type Mutation, ProtocolError } from '@conclave/protocol';
import type { MemberSettings } from './settings.ts';

/** What a release knows of commands. A member gets its own in its settings, so that tests can run an older release beside a newer one. */
export interface Commands {
  /** The newest. */
  readonly known: number;
  /** The level at which a mutation may be proposed. */
  readonly levelOf: (type: Mutation['type']) => number;
}

const ownCommands: Commands = { known: commandVersion, levelOf };

export function commandsOf(settings: Pick<MemberSettings, 'commands'>): Commands {
  return settings.commands ?? ownCommands;
}

/** Throws UNSUPPORTED_VERSION for what the cluster does not do yet. A member that lags behind may refuse what would be taken elsewhere already. */
export function mustHaveLevel(type: Mutation['type'], level: number, commands: Commands): void {
  const needed = commands.levelOf(type);
  if (needed <= level) return;
  throw new ProtocolError(
    'UNSUPPORTED_VERSION',
    `${type} needs a cluster at level ${needed}, and this one is at ${level}: it rises when all members run a release that knows it`,
    'not-applied',
    { level, needed },
  );
}

/** Throws when the state is of a cluster that may hold commands which this release does not know. */
export function refuseNewerState(level: number, settings: Pick<MemberSettings, 'commands'>): void {
  const { known } = commandsOf(settings);
  if (level <= known) return;
  throw new Error(
    `the cluster is at level ${level}, and this release knows level ${known}: run the release that wrote this state, or a newer one`,
  );
}
