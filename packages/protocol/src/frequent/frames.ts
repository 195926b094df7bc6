// Frames of nothing but frequent messages, read straight from their bytes; null: anything else is in them, or anything unusual.
import type { ClientMessage, MemberMessage } from '../client/message.ts';
import { wireLimits } from '../client/wire-limits.ts';
import { limits } from '../limits.ts';
import { readIdentity } from './command-header.ts';
import { type Cursor, cursor } from './cursor.ts';

const mutateTag = 2;
const queryTag = 3;
const resultTag = 65;
const maxRequestId = 0xffff_ffff;

/** As `decodeClientFrame` reads it. */
export function readClientFrame(bytes: Uint8Array): readonly ClientMessage[] | null {
  return readMessages(cursor.begin(bytes, bytes.length), readRequest);
}

/** As `decodeMemberFrame` reads it. */
export function readMemberFrame(bytes: Uint8Array): readonly MemberMessage[] | null {
  return readMessages(cursor.begin(bytes, bytes.length), readAnswer);
}

function readMessages<T>(from: Cursor, read: (from: Cursor) => T | null): readonly T[] | null {
  const messages: T[] = [];
  for (let left = from.list(wireLimits.maxFrameMessages); left > 0; left--) {
    const message = read(from);
    if (message === null || from.failed) return null;
    messages.push(message);
  }
  return from.isComplete ? messages : null;
}

function readRequest(from: Cursor): ClientMessage | null {
  from.array(8);
  const tag = from.integer(mutateTag, queryTag);
  if (from.failed) return null;
  const message = tag === mutateTag ? readMutate(from) : readQuery(from);
  from.nil();
  from.nil();
  return message;
}

function readMutate(from: Cursor): ClientMessage {
  return {
    type: 'mutate',
    id: from.integer(1, maxRequestId),
    identity: readIdentity(from),
    reason: from.nullableText(limits.maxReasonBytes),
    deadlineMs: from.nullableInteger(0, wireLimits.maxDeadlineMs),
    operation: from.bytes(1, limits.maxOperationBytes),
  };
}

function readQuery(from: Cursor): ClientMessage {
  return {
    type: 'query',
    id: from.integer(1, maxRequestId),
    consistency: from.integer(0, 1) === 0 ? 'linearizable' : 'local',
    minRevision: from.integer(0),
    deadlineMs: from.nullableInteger(0, wireLimits.maxDeadlineMs),
    operation: from.bytes(1, limits.maxOperationBytes),
  };
}

function readAnswer(from: Cursor): MemberMessage {
  from.array(4);
  from.integer(resultTag, resultTag);
  return {
    type: 'result',
    id: from.integer(1, maxRequestId),
    stalenessMs: from.nullableInteger(0),
    result: from.bytes(1, limits.maxResponseBytes),
  };
}
