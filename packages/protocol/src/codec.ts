// Values to bytes and back: operations, results, events, commands. Decoded binary fields are views of the bytes that were given:
// whoever keeps a key or a value longer than those bytes copies it.
import { wireLimits } from './client/wire-limits.ts';
import { type CommandHeader, commandVersion } from './command.ts';
import { commandHeader } from './command-schema.ts';
import { type ErrorCode, type Outcome, ProtocolError } from './error.ts';
import type { RevisionEvents } from './event.ts';
import { revisionEvents } from './event-schema.ts';
import { readCommandHeader } from './frequent/command-header.ts';
import { cursor } from './frequent/cursor.ts';
import { readOperation } from './frequent/operations.ts';
import { limits } from './limits.ts';
import type { Operation, Query, Txn } from './operation.ts';
import { operation } from './operation-schema.ts';
import type { KeyValue, Result } from './result.ts';
import { result } from './result-schema.ts';
import { decodedPrefix, decodedWhole } from './schema/decode.ts';
import { encodedView } from './schema/encode.ts';
import { list } from './schema/structure.ts';
import { SchemaViolation, type Type } from './schema/type.ts';
import { keyValue } from './schema/vocabulary.ts';
import { sliceOfSlab } from './slab.ts';

/** Bytes of an encoded `CommandHeader`: author, reason, key and the numbers, with room. */
const maxHeaderBytes = 1_024;

const entries: Type<readonly KeyValue[]> = list(keyValue, limits.maxRangeEntries);

/** What the log holds: an operation and who asked for it. */
export interface Command {
  readonly header: CommandHeader;
  /** A view, exactly the bytes that the client sent. */
  readonly operation: Uint8Array;
}

/** Throws INVALID_ARGUMENT or TOO_LARGE, naming the field and the limit. */
export function encodeOperation(value: Operation): Uint8Array {
  const view = written(operation, value, 'INVALID_ARGUMENT', 'operation');
  checkSize(view, limits.maxOperationBytes, 'operation');
  const bytes = sliceOfSlab(view.length);
  bytes.set(view);
  return bytes;
}

/** Throws INVALID_ARGUMENT or TOO_LARGE, naming the field and the limit. */
export function decodeOperation(bytes: Uint8Array): Operation {
  checkSize(bytes, limits.maxOperationBytes, 'operation');
  return readOperation(bytes) ?? read(operation, bytes, 'INVALID_ARGUMENT', 'operation');
}

/** The same, for what came from a client: refuses what only members may propose. */
export function decodeClientOperation(bytes: Uint8Array): ClientOperation {
  const value = decodeOperation(bytes);
  if (!isClientOperation(value)) {
    throw new ProtocolError('INVALID_ARGUMENT', `operation: ${value.type} is proposed by members only`);
  }
  return value;
}

/** What a `mutate` may ask for. Throws INVALID_ARGUMENT for what only reads, too: it does not belong into the log. */
export function decodeClientMutation(bytes: Uint8Array): ClientMutation {
  const value = decodeClientOperation(bytes);
  if (isQuery(value)) throw new ProtocolError('INVALID_ARGUMENT', `operation: ${value.type} is asked as a query`);
  return value;
}

/** What a `query` may ask for: queries, and transactions that only read. */
export function decodeClientQuery(bytes: Uint8Array): Query | Txn {
  const value = decodeClientOperation(bytes);
  if (isReadOnly(value)) return value;
  throw new ProtocolError('INVALID_ARGUMENT', `operation: this ${value.type} writes, and is no query`);
}

/**
 * A member makes `sessionOpen` and `sessionAttach` of the messages that carry the secret; the leader alone decides on expiry and the end of a delay, keeps the time of leases, puts
 * the founding members on record, and raises the cluster's level.
 */
export type ClientOperation = Exclude<
  Operation,
  {
    type:
      | 'sessionOpen'
      | 'sessionAttach'
      | 'leaseExpire'
      | 'leaseCheckpoint'
      | 'lockDelayEnd'
      | 'memberSeed'
      | 'clusterLevel';
  }
>;

export type ClientMutation = Exclude<ClientOperation, Query>;

function isClientOperation(value: Operation): value is ClientOperation {
  return !membersOnly.has(value.type);
}

const membersOnly: ReadonlySet<string> = new Set<Exclude<Operation, ClientOperation>['type']>([
  'sessionOpen',
  'sessionAttach',
  'leaseExpire',
  'leaseCheckpoint',
  'lockDelayEnd',
  'memberSeed',
  'clusterLevel',
]);

/** Only reads, whatever its fields say: never logged. */
export function isQuery(value: Operation): value is Query {
  return queryTypes.has(value.type);
}

/** Changes nothing, so that it can be answered after a read index without a log entry. */
export function isReadOnly(value: Operation): value is Query | Txn {
  if (value.type === 'txn') return [...value.then, ...value.else].every(({ type }) => type === 'range');
  return isQuery(value);
}

const queryTypes: ReadonlySet<string> = new Set<Query['type']>([
  'range',
  'lease',
  'leaseKeys',
  'leases',
  'lock',
  'lockRequest',
  'locks',
  'members',
]);

/** Throws TOO_LARGE above `limits.maxResponseBytes`, INTERNAL for a result that the schema does not know. */
export function encodeResult(value: Result): Uint8Array {
  const bytes = write(result, value, 'INTERNAL', 'result');
  checkSize(bytes, limits.maxResponseBytes, 'result');
  return bytes;
}

/** Throws PROTOCOL. */
export function decodeResult(bytes: Uint8Array): Result {
  return read(result, bytes, 'PROTOCOL', 'result');
}

/** Throws INTERNAL for events that the schema does not know. The bound of bytes is kept where the entry is applied. */
export function encodeEvents(value: RevisionEvents): Uint8Array {
  return write(revisionEvents, value, 'INTERNAL', 'events');
}

/** Throws PROTOCOL. */
export function decodeEvents(bytes: Uint8Array): RevisionEvents {
  checkSize(bytes, wireLimits.maxRevisionBytes, 'events', 'PROTOCOL');
  return read(revisionEvents, bytes, 'PROTOCOL', 'events');
}

/** Entries of a snapshot, in the order of their keys. Throws INTERNAL for what the schema does not know. */
export function encodeEntries(value: readonly KeyValue[]): Uint8Array {
  return write(entries, value, 'INTERNAL', 'entries');
}

/** Throws PROTOCOL. */
export function decodeEntries(bytes: Uint8Array): readonly KeyValue[] {
  return read(entries, bytes, 'PROTOCOL', 'entries');
}

/** The header's array, then the operation's bytes as they are. Throws INVALID_ARGUMENT or TOO_LARGE. */
export function encodeCommand(header: CommandHeader, operationBytes: Uint8Array): Uint8Array {
  const head = written(commandHeader, header, 'INVALID_ARGUMENT', 'command');
  const bytes = sliceOfSlab(head.length + operationBytes.length);
  bytes.set(head, 0);
  bytes.set(operationBytes, head.length);
  return bytes;
}

/**
 * Takes the header off; the operation is not looked at. Throws UNSUPPORTED_VERSION for a version that this code does not know, on
 * which a member stops, and INTERNAL for bytes that no member can have written.
 */
export function decodeCommand(bytes: Uint8Array): Command {
  const header = readCommandHeader(bytes, maxHeaderBytes);
  return header === null ? decodeUnusualCommand(bytes) : { header, operation: cursor.rest() };
}

function decodeUnusualCommand(bytes: Uint8Array): Command {
  try {
    const version = decodedPrefix(firstInteger, bytes, maxHeaderBytes).value;
    if (version > commandVersion) {
      throw new ProtocolError('UNSUPPORTED_VERSION', `command version ${version}; this member knows ${commandVersion}`);
    }
    const { end, value: header } = decodedPrefix(commandHeader, bytes, maxHeaderBytes);
    return { header, operation: bytes.subarray(end) };
  } catch (error) {
    throw translated(error, 'INTERNAL', 'command');
  }
}

/** Of an array whose other elements are not looked at: what a later version may have put there is not known. */
const firstInteger: Pick<Type<number>, 'read'> = {
  read: (from) => (from.array() === 0 ? 0 : from.integer()),
};

/** The caller's own: results and events are kept one by one. */
function write<T>(type: Type<T>, value: T, code: ErrorCode, what: string): Uint8Array {
  return new Uint8Array(written(type, value, code, what));
}

function written<T>(type: Type<T>, value: T, code: ErrorCode, what: string): Uint8Array {
  try {
    return encodedView(type, value);
  } catch (error) {
    throw translated(error, code, what);
  }
}

function read<T>(type: Type<T>, bytes: Uint8Array, code: ErrorCode, what: string): T {
  try {
    return decodedWhole(type, bytes);
  } catch (error) {
    throw translated(error, code, what);
  }
}

/**
 * Only a caller's own mistake is told apart by size; on the connection and in the log every violation is the same. Of a mutation
 * whose answer cannot be read nobody knows the outcome.
 */
function translated(error: unknown, code: ErrorCode, what: string): unknown {
  const outcome: Outcome = code === 'PROTOCOL' ? 'unknown' : 'not-applied';
  if (error instanceof SchemaViolation) {
    const tooLarge = error.tooLarge && code === 'INVALID_ARGUMENT';
    return new ProtocolError(tooLarge ? 'TOO_LARGE' : code, `${what}: ${error.message}`, outcome);
  }
  return error;
}

function checkSize(bytes: Uint8Array, limit: number, what: string, code: ErrorCode = 'TOO_LARGE'): void {
  if (bytes.length <= limit) return;
  throw new ProtocolError(code, `${what}: ${bytes.length} bytes, the limit is ${limit}`, 'not-applied', { limit });
}
