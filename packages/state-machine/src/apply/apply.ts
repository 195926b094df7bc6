import {
  type Command,
  type CommandHeader,
  decodeCommand,
  ProtocolError,
  type Revision,
  type RevisionEvents,
} from '@conclave/protocol';
import { DamagedStateError, UnknownCommandError } from '../damage.ts';
import type { SessionLease } from '../leases/lease.ts';
import { livesAnew } from '../leases/lease-operations.ts';
import { type Response, refusal } from '../response.ts';
import {
  checkEpoch,
  evictExpired,
  recallForKey,
  recallForSession,
  rememberForKey,
  rememberForSession,
  sessionOfCommand,
} from '../sessions/exactly-once.ts';
import type { State } from '../state.ts';
import { commit } from './commit.ts';
import { type DeadlineChange, Draft, type Notification } from './draft.ts';
import { mutate } from './mutation.ts';

/** What applying one entry means for those who wait. */
export interface Applied {
  /** Null: nobody waits for an answer (an entry without a command, or the leader's own). */
  readonly response: Response | null;
  /** The answer comes from memory: the command had been applied before, and had no effect now. */
  readonly repeated: boolean;
  /** Of the store, behind the entry. */
  readonly revision: Revision;
  /** Null: no key changed. */
  readonly events: RevisionEvents | null;
  readonly notifications: readonly Notification[];
  readonly deadlines: readonly DeadlineChange[];
  /** The table of the cluster's members, or a setting of the cluster, is another. */
  readonly membersChanged: boolean;
}

const none: readonly never[] = [];

/** An entry that only moves `applied` on. */
export function nothingApplied(state: State): Applied {
  return answered(state, null, false);
}

export function applyCommand(state: State, index: number, term: number, data: Uint8Array): Applied {
  const { header, operation } = readCommand(index, data);
  const { counters } = state;
  // A leader's clock may lag behind its predecessor's: cluster time never goes back.
  counters.clusterTimeMs = Math.max(counters.clusterTimeMs, header.clusterTimeMs);
  evictExpired(state);
  const { identity } = header;
  let session: SessionLease | null = null;
  let sequence = 0;
  let anew: readonly DeadlineChange[] = none;
  try {
    let recalled: Response | null = null;
    if (identity.by === 'session') {
      session = sessionOfCommand(state, identity);
      sequence = identity.sequence;
      recalled = recallForSession(state, session, identity);
      if (recalled === null) checkEpoch(session, identity);
      if (livesAnew(state, session)) anew = [{ type: 'leaseLivesAnew', lease: session.id }];
    } else if (identity.by === 'key') {
      recalled = recallForKey(state, identity, operation);
    }
    if (recalled !== null) return { ...answered(state, recalled, true), deadlines: anew };
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return answered(state, refusal(error), false);
  }
  const draft = draftOf(state, index, term, header, session, sequence);
  const response = mutate(state, draft, operation);
  const events = commit(state, draft);
  if (response !== null) {
    if (session !== null) rememberForSession(state, session, sequence, response);
    else if (identity.by === 'key') rememberForKey(state, identity, index, response);
  }
  return {
    response,
    repeated: draft.isRepeat,
    revision: counters.revision,
    events,
    notifications: draft.notifications ?? none,
    deadlines: draft.deadlines === null ? anew : [...anew, ...draft.deadlines],
    membersChanged: draft.membersChanged,
  };
}

function readCommand(index: number, data: Uint8Array): Command {
  try {
    return decodeCommand(data);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    const message = `entry ${index}: ${error.message}`;
    if (error.code === 'UNSUPPORTED_VERSION') throw new UnknownCommandError(message, { cause: error });
    throw new DamagedStateError(message, { cause: error });
  }
}

function draftOf(
  state: State,
  index: number,
  term: number,
  { wallTimeMs, author, reason }: CommandHeader,
  session: SessionLease | null,
  sequence: number,
): Draft {
  return new Draft(index, term, wallTimeMs, author, reason, state.counters.revision + 1, session, sequence);
}

function answered(state: State, response: Response | null, repeated: boolean): Applied {
  return {
    response,
    repeated,
    revision: state.counters.revision,
    events: null,
    notifications: none,
    deadlines: none,
    membersChanged: false,
  };
}
