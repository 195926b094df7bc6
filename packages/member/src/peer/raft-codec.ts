import type { Entry, EntryKind, Index, MemberId, Message, Term } from '@conclave/core';
import { type FrameReader, type FrameWriter, PeerProtocolError } from './wire.ts';

/** On the wire between members: never renumber. */
const tags = {
  preVote: 1,
  preVoteResponse: 2,
  vote: 3,
  voteResponse: 4,
  append: 5,
  appendAccepted: 6,
  appendRejected: 7,
  heartbeat: 8,
  heartbeatResponse: 9,
  commitNotice: 10,
  readIndexRequest: 11,
  readIndexResponse: 12,
  timeoutNow: 13,
} as const satisfies Record<Message['type'], number>;

/** Kind and length of the data. */
const minEntryBytes = 13;
const maxEntryKind = 2;

/** `from` and `to` are not written: a link has two ends, and both are known. */
export function writeRaft(writer: FrameWriter, message: Message): void {
  writer.byte(tags[message.type]);
  writer.number(message.term);
  switch (message.type) {
    case 'preVote':
      writer.number(message.campaignTerm);
      writer.number(message.lastIndex);
      writer.number(message.lastTerm);
      return writer.byte(message.transfer ? 1 : 0);
    case 'preVoteResponse':
      writer.number(message.campaignTerm);
      return writer.byte(message.granted ? 1 : 0);
    case 'vote':
      writer.number(message.lastIndex);
      writer.number(message.lastTerm);
      return writer.byte(message.transfer ? 1 : 0);
    case 'voteResponse':
      return writer.byte(message.granted ? 1 : 0);
    case 'append':
      writer.number(message.prevIndex);
      writer.number(message.prevTerm);
      writer.number(message.commit);
      return writeEntries(writer, message.entries);
    case 'appendAccepted':
      writer.number(message.match);
      return writer.byte(message.audience ? 1 : 0);
    case 'appendRejected':
      writer.number(message.rejected);
      writer.number(message.hintIndex);
      return writer.number(message.hintTerm);
    case 'heartbeat':
      writer.number(message.commit);
      return writer.number(message.readSequence);
    case 'heartbeatResponse':
      writer.number(message.readSequence);
      return writer.byte(message.canLead ? 1 : 0);
    case 'commitNotice':
      return writer.number(message.commit);
    case 'readIndexRequest':
      return writer.number(message.request);
    case 'readIndexResponse':
      writer.number(message.request);
      return writer.number(message.index);
    case 'timeoutNow':
      return writer.number(message.lastIndex);
  }
}

/** Their indices follow from the append's `prevIndex`: they are contiguous by definition. */
function writeEntries(writer: FrameWriter, entries: readonly Entry[]): void {
  writer.count(entries.length);
  for (const { kind, term, data } of entries) {
    writer.byte(kind);
    writer.number(term);
    writer.bytes(data);
  }
}

export function readRaft(reader: FrameReader, from: MemberId, to: MemberId): Message {
  const tag = reader.byte();
  const term = reader.number() as Term;
  const envelope = { from, to, term };
  const index = (): Index => reader.number() as Index;
  const otherTerm = (): Term => reader.number() as Term;
  switch (tag) {
    case tags.preVote: {
      const campaignTerm = otherTerm();
      const end = { lastIndex: index(), lastTerm: otherTerm() };
      return { type: 'preVote', ...envelope, campaignTerm, ...end, transfer: reader.byte() === 1 };
    }
    case tags.preVoteResponse:
      return { type: 'preVoteResponse', ...envelope, campaignTerm: otherTerm(), granted: reader.byte() === 1 };
    case tags.vote:
      return { type: 'vote', ...envelope, lastIndex: index(), lastTerm: otherTerm(), transfer: reader.byte() === 1 };
    case tags.voteResponse:
      return { type: 'voteResponse', ...envelope, granted: reader.byte() === 1 };
    case tags.append: {
      const prevIndex = index();
      const prevTerm = otherTerm();
      const commit = index();
      return { type: 'append', ...envelope, prevIndex, prevTerm, commit, entries: readEntries(reader, prevIndex) };
    }
    case tags.appendAccepted:
      return { type: 'appendAccepted', ...envelope, match: index(), audience: reader.byte() === 1 };
    case tags.appendRejected:
      return { type: 'appendRejected', ...envelope, rejected: index(), hintIndex: index(), hintTerm: otherTerm() };
    case tags.heartbeat:
      return { type: 'heartbeat', ...envelope, commit: index(), readSequence: reader.number() };
    case tags.heartbeatResponse:
      return {
        type: 'heartbeatResponse',
        ...envelope,
        readSequence: reader.number(),
        canLead: reader.byte() === 1,
      };
    case tags.commitNotice:
      return { type: 'commitNotice', ...envelope, commit: index() };
    case tags.readIndexRequest:
      return { type: 'readIndexRequest', ...envelope, request: reader.number() };
    case tags.readIndexResponse:
      return { type: 'readIndexResponse', ...envelope, request: reader.number(), index: index() };
    case tags.timeoutNow:
      return { type: 'timeoutNow', ...envelope, lastIndex: index() };
    default:
      throw new PeerProtocolError(`tag ${tag} is no Raft message`);
  }
}

/** Data are views of the frame: it is read once and belongs to its entries from then on. */
function readEntries(reader: FrameReader, prevIndex: Index): Entry[] {
  const count = reader.count(minEntryBytes);
  const entries: Entry[] = [];
  for (let at = 1; at <= count; at++) {
    const kind = reader.byte();
    if (kind > maxEntryKind) throw new PeerProtocolError(`${kind} is no kind of entry`);
    const term = reader.number() as Term;
    entries.push({ index: (prevIndex + at) as Index, term, kind: kind as EntryKind, data: reader.bytes() });
  }
  return entries;
}
