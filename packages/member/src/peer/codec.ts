import {
  type Configuration,
  decodeConfiguration,
  encodeConfiguration,
  type Index,
  type MemberId,
  type Term,
} from '@conclave/core';
import { type ErrorCode, errorCodes, type Identity } from '@conclave/protocol';
import { type TransferRefusal, transferRefusals } from '../transfer-refusal.ts';
import type { PeerMessage } from './message.ts';
import { readRaft, writeRaft } from './raft-codec.ts';
import { decodeText, encodeText } from './text.ts';
import { FrameReader, FrameWriter, PeerProtocolError } from './wire.ts';

/** Of the frames between members; said in the hello of a link, and both sides must agree. */
export const peerProtocolVersion = 1;

/** On the wire between members: never renumber. */
const tags = {
  raft: 1,
  forward: 2,
  proposed: 3,
  declined: 4,
  renew: 5,
  renewed: 6,
  report: 7,
  snapshotOffer: 8,
  snapshotChunk: 9,
  snapshotEnd: 10,
  snapshotProgress: 11,
  handOver: 12,
  handOverEnded: 13,
} as const satisfies Record<PeerMessage['type'], number>;

const identityTags = { none: 0, session: 1, key: 2 } as const satisfies Record<Identity['by'], number>;

const numberBytes = 8;
const noContext = new Uint8Array(0);
const writer = new FrameWriter();

/** A frame is any number of messages, one behind the other: it is closed when it holds `closedAtBytes`, and the next one begun. */
export function encodePeerFrames(messages: readonly PeerMessage[], closedAtBytes: number): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (const message of messages) {
    writeMessage(message);
    if (writer.length >= closedAtBytes) frames.push(writer.take());
  }
  if (writer.length > 0) frames.push(writer.take());
  return frames;
}

function writeMessage(message: PeerMessage): void {
  writer.byte(tags[message.type]);
  switch (message.type) {
    case 'raft':
      return writeRaft(writer, message.message);
    case 'forward':
      writer.number(message.request);
      writeIdentity(message.identity);
      writeText(message.author);
      writeText(message.reason);
      return writer.bytes(message.operation);
    case 'proposed':
      writer.number(message.request);
      writer.number(message.index);
      return writer.number(message.term);
    case 'declined':
      writer.number(message.request);
      return writer.count(errorCodes[message.code].number);
    case 'renew':
      writer.number(message.request);
      writer.byte(message.looks ? 1 : 0);
      writer.count(message.leases.length);
      for (const lease of message.leases) writer.number(lease);
      return;
    case 'renewed':
      writer.number(message.request);
      writer.byte(message.ttlsMs === null ? 0 : 1);
      writer.count(message.ttlsMs?.length ?? 0);
      // A lease that lives has a ttl above 0, and more than 0 left.
      for (const ttlMs of message.ttlsMs ?? []) writer.number(ttlMs ?? 0);
      return;
    case 'report':
      writer.number(message.applied);
      writer.number(message.commit);
      writer.number(message.durable);
      writer.number(message.pid);
      writer.number(message.knows);
      return writer.byte(message.diskLow ? 1 : 0);
    case 'handOver':
      writer.number(message.request);
      return writer.number(message.to ?? 0);
    case 'handOverEnded':
      writer.number(message.request);
      return writer.byte(message.refusal === null ? 0 : transferRefusals[message.refusal].number);
    case 'snapshotOffer': {
      const { configuration, id, position } = message.meta;
      writer.number(message.term);
      writer.bytes(encodeText(id));
      writer.number(position.index);
      writer.number(position.term);
      return writer.bytes(encodeConfiguration({ configuration, context: noContext }));
    }
    case 'snapshotChunk':
      writer.bytes(encodeText(message.id));
      writer.number(message.number);
      return writer.bytes(message.bytes);
    case 'snapshotEnd':
      writer.bytes(encodeText(message.id));
      return writer.number(message.chunks);
    case 'snapshotProgress':
      writer.bytes(encodeText(message.id));
      writer.number(message.next);
      writer.byte(message.done ? 1 : 0);
      writeText(message.refusal);
  }
}

function writeIdentity(identity: Identity): void {
  writer.byte(identityTags[identity.by]);
  if (identity.by === 'session') {
    writer.number(identity.session);
    writer.number(identity.sequence);
    writer.number(identity.acknowledgedBelow);
    writer.number(identity.epoch);
  } else if (identity.by === 'key') {
    writer.bytes(identity.key);
  }
}

function writeText(text: string | null): void {
  writer.byte(text === null ? 0 : 1);
  if (text !== null) writer.bytes(encodeText(text));
}

/** Throws PeerProtocolError: nothing behind the fault can be trusted to mean what it says. */
export function decodePeerFrame(bytes: Uint8Array, from: MemberId, to: MemberId): PeerMessage[] {
  const reader = new FrameReader(bytes);
  const messages: PeerMessage[] = [];
  while (!reader.isAtEnd) messages.push(readMessage(reader, from, to));
  return messages;
}

function readMessage(reader: FrameReader, from: MemberId, to: MemberId): PeerMessage {
  const tag = reader.byte();
  switch (tag) {
    case tags.raft:
      return { type: 'raft', message: readRaft(reader, from, to) };
    case tags.forward:
      return {
        type: 'forward',
        request: reader.number(),
        identity: readIdentity(reader),
        author: readText(reader),
        reason: readText(reader),
        operation: reader.bytes(),
      };
    case tags.proposed:
      return { type: 'proposed', request: reader.number(), index: reader.number(), term: reader.number() };
    case tags.declined:
      return { type: 'declined', request: reader.number(), code: errorCodeOf(reader.count(0)) };
    case tags.renew: {
      const request = reader.number();
      const looks = reader.byte() === 1;
      return { type: 'renew', request, looks, leases: readNumbers(reader) };
    }
    case tags.renewed: {
      const request = reader.number();
      const confirmed = reader.byte() === 1;
      const ttlsMs = readNumbers(reader).map((ttlMs) => (ttlMs === 0 ? null : ttlMs));
      return { type: 'renewed', request, ttlsMs: confirmed ? ttlsMs : null };
    }
    case tags.report: {
      const [applied, commit, durable] = [reader.number(), reader.number(), reader.number()];
      const [pid, knows] = [reader.number(), reader.number()];
      return { type: 'report', applied, commit, durable, pid, knows, diskLow: reader.byte() === 1 };
    }
    case tags.handOver: {
      const [request, target] = [reader.number(), reader.number()];
      return { type: 'handOver', request, to: target === 0 ? null : (target as MemberId) };
    }
    case tags.handOverEnded:
      return { type: 'handOverEnded', request: reader.number(), refusal: transferRefusalOf(reader.byte()) };
    case tags.snapshotOffer: {
      const term = reader.number() as Term;
      const id = decodeText(reader.bytes());
      const position = { index: reader.number() as Index, term: reader.number() as Term };
      return { type: 'snapshotOffer', term, meta: { id, position, configuration: readConfiguration(reader) } };
    }
    case tags.snapshotChunk:
      return {
        type: 'snapshotChunk',
        id: decodeText(reader.bytes()),
        number: reader.number(),
        bytes: reader.bytes(),
      };
    case tags.snapshotEnd:
      return { type: 'snapshotEnd', id: decodeText(reader.bytes()), chunks: reader.number() };
    case tags.snapshotProgress: {
      const id = decodeText(reader.bytes());
      const next = reader.number();
      const done = reader.byte() === 1;
      return { type: 'snapshotProgress', id, next, done, refusal: readText(reader) };
    }
    default:
      throw new PeerProtocolError(`tag ${tag} is no message between members`);
  }
}

function readIdentity(reader: FrameReader): Identity {
  const tag = reader.byte();
  switch (tag) {
    case identityTags.none:
      return { by: 'none' };
    case identityTags.session:
      return {
        by: 'session',
        session: reader.number(),
        sequence: reader.number(),
        acknowledgedBelow: reader.number(),
        epoch: reader.number(),
      };
    case identityTags.key:
      return { by: 'key', key: reader.bytes() };
    default:
      throw new PeerProtocolError(`tag ${tag} is no identity`);
  }
}

function readText(reader: FrameReader): string | null {
  if (reader.byte() === 0) return null;
  return decodeText(reader.bytes());
}

function readNumbers(reader: FrameReader): number[] {
  const count = reader.count(numberBytes);
  return Array.from({ length: count }, () => reader.number());
}

function transferRefusalOf(number: number): TransferRefusal | null {
  if (number === 0) return null;
  for (const [reason, { number: known }] of Object.entries(transferRefusals))
    if (known === number) return reason as TransferRefusal;
  throw new PeerProtocolError(`${number} is no refusal of a transfer`);
}

function readConfiguration(reader: FrameReader): Configuration {
  try {
    return decodeConfiguration(reader.bytes()).configuration;
  } catch (error) {
    throw new PeerProtocolError(`a configuration: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function errorCodeOf(number: number): ErrorCode {
  for (const [code, { number: known }] of Object.entries(errorCodes)) if (known === number) return code as ErrorCode;
  throw new PeerProtocolError(`${number} is no error code`);
}
