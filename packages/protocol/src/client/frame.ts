// A frame is one WebSocket message: a MessagePack array of messages. A peer that sends something else has broken the protocol: the
// connection is closed, because nothing behind the fault can be trusted to mean what it says. That includes message types that a newer
// minor version might have: what both sides know was settled by the version and the features of the handshake, so an unknown type is
// no novelty but a fault.
import { ProtocolError } from '../error.ts';
import { pack, unpack } from '../msgpack.ts';
import { PreflightError, preflight, type ScanLimits } from '../preflight.ts';
import { list } from '../schema/structure.ts';
import { SchemaViolation, type Type } from '../schema/type.ts';
import { type ClientMessage, clientMessage, type MemberMessage, memberMessage } from './message.ts';
import { wireLimits } from './wire-limits.ts';

/** Frame, message, list, structure, record. Operations, results and events are bytes here, and scanned when they are decoded. */
const scan: ScanLimits = { maxDepth: 6, maxItems: 65_536 };

interface Side<T> {
  readonly frame: Type<readonly T[]>;
  readonly maxBytes: number;
}

const client: Side<ClientMessage> = {
  frame: list(clientMessage, wireLimits.maxFrameMessages),
  maxBytes: wireLimits.maxClientFrameBytes,
};

const member: Side<MemberMessage> = {
  frame: list(memberMessage, wireLimits.maxFrameMessages),
  maxBytes: wireLimits.maxMemberFrameBytes,
};

/** What a client sends. Throws PROTOCOL or TOO_LARGE: the sender keeps to the limits, so this names a defect of it. */
export function encodeClientFrame(messages: readonly ClientMessage[]): Uint8Array {
  return encode(client, messages);
}

/** What a member sends. Throws like `encodeClientFrame`. */
export function encodeMemberFrame(messages: readonly MemberMessage[]): Uint8Array {
  return encode(member, messages);
}

/** What a client sent. Throws PROTOCOL, naming message, field and limit. Binary fields are views of `bytes`. */
export function decodeClientFrame(bytes: Uint8Array): readonly ClientMessage[] {
  return decode(client, bytes);
}

/** What a member sent. Throws like `decodeClientFrame`. */
export function decodeMemberFrame(bytes: Uint8Array): readonly MemberMessage[] {
  return decode(member, bytes);
}

function encode<T>(side: Side<T>, messages: readonly T[]): Uint8Array {
  try {
    const bytes = pack(side.frame.write(messages));
    if (bytes.length > side.maxBytes) {
      throw new ProtocolError('TOO_LARGE', `frame: ${bytes.length} bytes, the limit is ${side.maxBytes}`);
    }
    return bytes;
  } catch (error) {
    throw translated(error);
  }
}

function decode<T>(side: Side<T>, bytes: Uint8Array): readonly T[] {
  try {
    if (bytes.length > side.maxBytes) {
      throw new ProtocolError('PROTOCOL', `frame: ${bytes.length} bytes, the limit is ${side.maxBytes}`);
    }
    preflight(bytes, scan);
    return side.frame.read(unpack(bytes));
  } catch (error) {
    throw translated(error);
  }
}

function translated(error: unknown): unknown {
  if (error instanceof SchemaViolation || error instanceof PreflightError) {
    return new ProtocolError('PROTOCOL', `frame: ${error.message}`);
  }
  return error;
}
