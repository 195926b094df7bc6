// A frame is one WebSocket message: a MessagePack array of messages. A peer that sends something else has broken the protocol: the
// connection is closed, because nothing behind the fault can be trusted to mean what it says. That includes message types that a newer
// minor version might have: what both sides know was settled by the version and the features of the handshake, so an unknown type is
// no novelty but a fault.
import { ProtocolError } from '../error.ts';
import { readClientFrame } from '../frequent/frames.ts';
import { decodedWhole } from '../schema/decode.ts';
import { encodedView } from '../schema/encode.ts';
import { list } from '../schema/structure.ts';
import { SchemaViolation, type Type } from '../schema/type.ts';
import { sliceOfSlab } from '../slab.ts';
import { type ClientMessage, clientMessage, type MemberMessage, memberMessage } from './message.ts';
import { wireLimits } from './wire-limits.ts';

interface Side<T> {
  readonly message: Type<T>;
  readonly frame: Type<readonly T[]>;
  readonly maxBytes: number;
}

const client: Side<ClientMessage> = {
  message: clientMessage,
  frame: list(clientMessage, wireLimits.maxFrameMessages),
  maxBytes: wireLimits.maxClientFrameBytes,
};

const member: Side<MemberMessage> = {
  message: memberMessage,
  frame: list(memberMessage, wireLimits.maxFrameMessages),
  maxBytes: wireLimits.maxMemberFrameBytes,
};

/** The array header that `joinFrame` writes in front of the messages. */
const maxFrameHeaderBytes = 3;

/**
 * One message, for `joinFrame`. Encoded where it arises, so that its fault is told to the one who made it, and not to all whose messages
 * happen to share the frame. Throws INVALID_ARGUMENT or TOO_LARGE, naming field and limit.
 */
export function encodeClientMessage(message: ClientMessage): Uint8Array {
  return encodeOne(client, message);
}

/** As `encodeClientMessage`. */
export function encodeMemberMessage(message: MemberMessage): Uint8Array {
  return encodeOne(member, message);
}

/** The frame of encoded messages. The caller keeps to the limits of its side: `maxFrameMessages`, and the bytes of all plus 3. */
export function joinFrame(messages: readonly Uint8Array[]): Uint8Array {
  const count = messages.length;
  if (count > wireLimits.maxFrameMessages) {
    throw new ProtocolError('PROTOCOL', `frame: ${count} messages, the limit is ${wireLimits.maxFrameMessages}`);
  }
  const frame = new Uint8Array(frameLength(messages));
  let offset = 0;
  if (count < 16) frame[offset++] = 0x90 | count;
  else {
    frame[offset++] = 0xdc;
    frame[offset++] = count >> 8;
    frame[offset++] = count & 0xff;
  }
  for (const message of messages) {
    frame.set(message, offset);
    offset += message.length;
  }
  return frame;
}

function frameLength(messages: readonly Uint8Array[]): number {
  let length = messages.length < 16 ? 1 : maxFrameHeaderBytes;
  for (const message of messages) length += message.length;
  return length;
}

/** All at once; the same bytes as `joinFrame` gives. Throws INVALID_ARGUMENT or TOO_LARGE, naming message, field and limit. */
export function encodeClientFrame(messages: readonly ClientMessage[]): Uint8Array {
  return encode(client, messages);
}

/** As `encodeClientFrame`. */
export function encodeMemberFrame(messages: readonly MemberMessage[]): Uint8Array {
  return encode(member, messages);
}

/** What a client sent. Throws PROTOCOL, naming message, field and limit. Binary fields are views of `bytes`. */
export function decodeClientFrame(bytes: Uint8Array): readonly ClientMessage[] {
  checkLength(bytes, client);
  return readClientFrame(bytes) ?? decode(client, bytes);
}

/** What a member sent. Throws like `decodeClientFrame`. */
export function decodeMemberFrame(bytes: Uint8Array): readonly MemberMessage[] {
  checkLength(bytes, member);
  return decode(member, bytes);
}

function encodeOne<T>(side: Side<T>, message: T): Uint8Array {
  const view = written(side.message, message, 'message');
  if (view.length > side.maxBytes - maxFrameHeaderBytes) throw tooLong('message', view.length, side);
  const bytes = sliceOfSlab(view.length);
  bytes.set(view);
  return bytes;
}

function encode<T>(side: Side<T>, messages: readonly T[]): Uint8Array {
  const view = written(side.frame, messages, 'frame');
  if (view.length > side.maxBytes) throw tooLong('frame', view.length, side);
  return new Uint8Array(view);
}

function written<T>(type: Type<T>, value: T, what: string): Uint8Array {
  try {
    return encodedView(type, value);
  } catch (error) {
    if (!(error instanceof SchemaViolation)) throw error;
    throw new ProtocolError(error.tooLarge ? 'TOO_LARGE' : 'INVALID_ARGUMENT', `${what}: ${error.message}`);
  }
}

function tooLong(what: string, length: number, side: Pick<Side<never>, 'maxBytes'>): ProtocolError {
  const limit = side.maxBytes;
  return new ProtocolError('TOO_LARGE', `${what}: ${length} bytes, the limit is ${limit}`, 'not-applied', { limit });
}

function decode<T>(side: Side<T>, bytes: Uint8Array): readonly T[] {
  try {
    return decodedWhole(side.frame, bytes);
  } catch (error) {
    if (!(error instanceof SchemaViolation)) throw error;
    throw new ProtocolError('PROTOCOL', `frame: ${error.message}`);
  }
}

function checkLength(bytes: Uint8Array, { maxBytes }: Pick<Side<never>, 'maxBytes'>): void {
  if (bytes.length <= maxBytes) return;
  throw new ProtocolError('PROTOCOL', `frame: ${bytes.length} bytes, the limit is ${maxBytes}`);
}
