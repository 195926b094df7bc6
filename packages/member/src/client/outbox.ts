import { encodeMemberMessage, joinFrame, type MemberMessage, wireLimits } from '@conclave/protocol';
import type { ClientSocket } from '../environment.ts';
import { bounds } from '../settings.ts';
import type { Dispatch } from './dispatch.ts';

/** In front of the messages of a frame. */
const frameHeaderBytes = 3;

/** What a client's scanner takes in one frame; a list of leases or watches is many values and few bytes. */
const maxFrameValues = 65_536;
/** More than a message has beside its lists, and than an element of a list has. */
const valuesPerMessage = 64;
const valuesPerElement = 16;

/** Messages to one client: all of one turn leave in one frame, or in as few as the limits allow. */
export class Outbox {
  readonly #socket: ClientSocket;
  readonly #dispatch: Dispatch;
  readonly #overrun: () => void;
  #messages: Uint8Array[] = [];
  #bytes = 0;
  #values = 0;
  #closed = false;

  /** `overrun`: the client takes nothing, and more waits for it than it may. */
  constructor(socket: ClientSocket, dispatch: Dispatch, overrun: () => void) {
    this.#socket = socket;
    this.#dispatch = dispatch;
    this.#overrun = overrun;
  }

  /** Whoever can wait, waits: there is more on the way than the client takes. */
  get isCongested(): boolean {
    return this.#socket.bufferedBytes + this.#bytes > bounds.maxClientBufferedBytes;
  }

  /**
   * Encodes at once: a message that cannot be told (ProtocolError) is its maker's trouble and no other's, and the frame's length is known.
   * Estimated, a thousand status answers of a large cluster made a frame over the limit.
   */
  add(message: MemberMessage): void {
    if (this.#closed) return;
    const bytes = encodeMemberMessage(message);
    const values = valuesPerMessage + valuesPerElement * elementsOf(message);
    const isFull = this.#messages.length >= wireLimits.maxFrameMessages || this.#values + values > maxFrameValues;
    if (isFull || this.#bytes + bytes.length > wireLimits.maxMemberFrameBytes - frameHeaderBytes) this.flush();
    if (this.#messages.push(bytes) === 1) this.#dispatch.add(this);
    this.#bytes += bytes.length;
    this.#values += values;
  }

  flush(): void {
    const messages = this.#messages;
    if (messages.length === 0 || this.#closed) return;
    this.#messages = [];
    this.#bytes = 0;
    this.#values = 0;
    this.#socket.send(joinFrame(messages));
    if (this.#socket.bufferedBytes > bounds.maxClientBacklogBytes) this.#overrun();
  }

  /** What was not sent by now has nobody to go to. */
  close(): void {
    this.#closed = true;
    this.#messages = [];
  }
}

/** Elements of the lists that a message carries. */
function elementsOf(message: MemberMessage): number {
  switch (message.type) {
    case 'keepaliveAnswer':
    case 'leaseTimesAnswer':
      return message.leases.length;
    case 'keepaliveHoldsAnswer':
      return message.leases.length + (message.lost?.length ?? 0) / valuesPerElement;
    case 'sessionsResumed':
      return message.sessions.length;
    case 'welcome':
      return message.sessions.length + message.members.length + message.features.length;
    case 'membersChanged':
      return message.members.length;
    case 'status':
      return message.status.members.length;
    case 'watchEvents':
    case 'watchProgress':
      // One value each: of 4,096 watches, the most that there can be, one message must fit.
      return message.watches.length / valuesPerElement;
    case 'backupChunk':
    case 'broken':
    case 'contended':
    case 'error':
    case 'goodbye':
    case 'granted':
    case 'result':
    case 'sessionEnded':
    case 'transferred':
    case 'watchCreated':
    case 'watchEnded':
    case 'watchSnapshot':
    case 'watchSynced':
      return 0;
  }
}
