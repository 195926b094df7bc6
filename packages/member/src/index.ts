export type { Configuration, MemberId } from '@conclave/core';
export { DamagedStateError, UnknownCommandError } from '@conclave/state-machine';
export { contentsOf, type StateContents } from './backup/contents.ts';
export { type Replayed, replay, writeState } from './backup/replay.ts';
export { type Restored, restoreState, verifySnapshot } from './backup/restore.ts';
export type { ClientConnection } from './client/connection.ts';
export {
  type Cancel,
  type ClientSocket,
  type Clock,
  type Environment,
  type Lane,
  type Logger,
  lanes,
  type PeerTransport,
  type Store,
  type Timers,
} from './environment.ts';
export type { Commands } from './level.ts';
export { Member } from './member.ts';
export type { PeerRoute } from './membership/directory.ts';
export { decodeHello, LostAcknowledgedError, type PeerHello, PeerRefusedError, type Verdict } from './peer/hello.ts';
export { PeerProtocolError } from './peer/wire.ts';
export { type CheckpointPace, defaultCheckpointPace, type MemberAddress, type MemberSettings } from './settings.ts';
export { TransferError, type TransferRefusal } from './transfer-refusal.ts';
