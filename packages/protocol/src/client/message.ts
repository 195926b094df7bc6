// All messages of the connection between a client and a member. A tag says who sends it: 1 to 63 the client, 64 to 127 the member.
import { type Union, union } from '../schema/structure.ts';
import { type BackupChunk, type BackupRead, backupChunkCase, backupReadCase } from './backup.ts';
import {
  type Goodbye,
  goodbyeCase,
  type MembersChanged,
  membersChangedCase,
  type StatusMessage,
  type StatusRequest,
  statusCase,
  statusRequestCase,
  type TransferLeader,
  type Transferred,
  transferLeaderCase,
  transferredCase,
} from './cluster.ts';
import { type Hello, helloCase, type Welcome, welcomeCase } from './handshake.ts';
import {
  type ErrorMessage,
  errorCase,
  type Mutate,
  mutateCase,
  type QueryRequest,
  queryCase,
  type ResultMessage,
  resultCase,
} from './request.ts';
import {
  type Broken,
  brokenCase,
  type Contended,
  contendedCase,
  type Granted,
  grantedCase,
  type Keepalive,
  type KeepaliveAnswer,
  type KeepaliveHolds,
  type KeepaliveHoldsAnswer,
  keepaliveAnswerCase,
  keepaliveCase,
  keepaliveHoldsAnswerCase,
  keepaliveHoldsCase,
  type LeaseTimes,
  type LeaseTimesAnswer,
  leaseTimesAnswerCase,
  leaseTimesCase,
  type SessionEnded,
  type SessionOpenRequest,
  type SessionResume,
  type SessionsResumed,
  sessionEndedCase,
  sessionOpenCase,
  sessionResumeCase,
  sessionsResumedCase,
} from './session.ts';
import {
  type WatchCancel,
  type WatchCreate,
  type WatchCreated,
  type WatchCredit,
  type WatchEnded,
  type WatchEvents,
  type WatchProgress,
  type WatchSnapshot,
  type WatchSynced,
  watchCancelCase,
  watchCreateCase,
  watchCreatedCase,
  watchCreditCase,
  watchEndedCase,
  watchEventsCase,
  watchProgressCase,
  watchSnapshotCase,
  watchSyncedCase,
} from './watch.ts';

export type ClientMessage =
  | Hello
  | Mutate
  | QueryRequest
  | SessionOpenRequest
  | SessionResume
  | Keepalive
  | KeepaliveHolds
  | LeaseTimes
  | WatchCreate
  | WatchCredit
  | WatchCancel
  | StatusRequest
  | TransferLeader
  | BackupRead;

export type MemberMessage =
  | Welcome
  | ResultMessage
  | ErrorMessage
  | SessionsResumed
  | KeepaliveAnswer
  | KeepaliveHoldsAnswer
  | LeaseTimesAnswer
  | Granted
  | Broken
  | Contended
  | SessionEnded
  | WatchCreated
  | WatchEvents
  | WatchSnapshot
  | WatchSynced
  | WatchProgress
  | WatchEnded
  | StatusMessage
  | MembersChanged
  | Transferred
  | BackupChunk
  | Goodbye;

export const clientMessage: Union<ClientMessage> = union<ClientMessage, 'type'>('client message', 'type', {
  hello: helloCase,
  mutate: mutateCase,
  query: queryCase,
  sessionOpen: sessionOpenCase,
  sessionResume: sessionResumeCase,
  keepalive: keepaliveCase,
  keepaliveHolds: keepaliveHoldsCase,
  leaseTimes: leaseTimesCase,
  watchCreate: watchCreateCase,
  watchCredit: watchCreditCase,
  watchCancel: watchCancelCase,
  statusRequest: statusRequestCase,
  transferLeader: transferLeaderCase,
  backupRead: backupReadCase,
});

export const memberMessage: Union<MemberMessage> = union<MemberMessage, 'type'>('member message', 'type', {
  welcome: welcomeCase,
  result: resultCase,
  error: errorCase,
  sessionsResumed: sessionsResumedCase,
  keepaliveAnswer: keepaliveAnswerCase,
  keepaliveHoldsAnswer: keepaliveHoldsAnswerCase,
  leaseTimesAnswer: leaseTimesAnswerCase,
  granted: grantedCase,
  broken: brokenCase,
  contended: contendedCase,
  sessionEnded: sessionEndedCase,
  watchCreated: watchCreatedCase,
  watchEvents: watchEventsCase,
  watchSnapshot: watchSnapshotCase,
  watchSynced: watchSyncedCase,
  watchProgress: watchProgressCase,
  watchEnded: watchEndedCase,
  status: statusCase,
  membersChanged: membersChangedCase,
  transferred: transferredCase,
  backupChunk: backupChunkCase,
  goodbye: goodbyeCase,
});
