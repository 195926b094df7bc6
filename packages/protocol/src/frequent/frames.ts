// Frames of nothing but frequent messages, read straight from their bytes; null: anything else is in them, or anything unusual.
import type { ClientMessage } from '../client/message.ts';
import { wireLimits } from '../client/wire-limits.ts';
import { limits } from '../limits.ts';
import { readIdentity } from './command-header.ts';
import { type Cursor, cursor } from './cursor.ts';

const mutateTag = 2;
const queryTag = 3;
const maxRequestId = 0xffff_ffff;

/** As `decodeClientFrame` reads it. */
export function readClientFrame(bytes: Uint8Array): readonly ClientMessage[] | null {
  const from = cursor.begin(bytes, bytes.length);
  const messages: ClientMessage[] = [];
  for (let left = from.list(wireLimits.maxFrameMessages); left > 0; left--) {
    const message = readRequest(from);
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
