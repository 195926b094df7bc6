import type {
  BackupChunk,
  ClientMessage,
  ErrorBody,
  ErrorMessage,
  KeepaliveAnswer,
  KeepaliveHoldsAnswer,
  LeaseTimesAnswer,
  MemberMessage,
  Outcome,
  ResultMessage,
  SessionsResumed,
  StatusMessage,
  Transferred,
} from '@conclave/protocol';
import type { Cancel } from '../environment.ts';
import { type ConclaveError, fromBody, outOfTime } from '../error.ts';
import type { Lane } from './lane.ts';

export type AnswerMessage =
  | ResultMessage
  | KeepaliveAnswer
  | KeepaliveHoldsAnswer
  | LeaseTimesAnswer
  | SessionsResumed
  | StatusMessage
  | Transferred
  | BackupChunk;

/** `sentMs`: when the sending that was answered left. `firstSentMs`: when the request left first, perhaps on another connection. */
export interface Answered<M extends AnswerMessage = AnswerMessage> {
  readonly message: M;
  readonly sentMs: number;
  readonly firstSentMs: number;
}

export interface RequestSpec {
  /** For people: what the caller asked for. */
  readonly what: string;
  readonly lane: Lane;
  /** Its outcome matters: it may change something. */
  readonly changes: boolean;
  /** After the connection is lost it is sent again. Otherwise it fails with UNAVAILABLE. */
  readonly repeatable: boolean;
  /** It has its sequence already, and needs no room for one. */
  readonly numbered?: boolean;
  /** Bytes of its operation, for the bounds of queue and window. */
  readonly bytes: number;
  /**
   * While it says so it is asked until the log has answered it, and it is never refused for want of room in the queue: it gives back what would
   * stay held otherwise. It names that, and does no harm when it comes twice. There are no more of these than sessions, holds and requests for locks.
   */
  insists?(): boolean;
  /** Made anew at each sending, with the time that is left. */
  message(id: number, deadlineMs: number | null): ClientMessage;
  /** Once, whatever became of it. */
  settled?(): void;
  /** It was refused in passing, and is asked again. */
  refused?(why: ConclaveError): void;
  /** The member says that the session of the lane is not on this connection. It is asked again when the lane opens. */
  fenced?(): void;
}

/** What a member says without asking the log. After a resend the copy before may have been applied all the same. */
const saidByMembers: ReadonlySet<string> = new Set<ErrorBody['code']>([
  'NOT_LEADER',
  'UNAVAILABLE',
  'OVERLOADED',
  'NO_SPACE',
  'DEADLINE_EXCEEDED',
  'OUTCOME_UNKNOWN',
  'FENCED',
  'PROTOCOL',
  'INTERNAL',
]);

/** One request, from the call to its answer, over as many connections as it takes. */
export class Request {
  readonly spec: RequestSpec;
  /** Monotonic; infinite for what must be done some time. */
  readonly deadlineMs: number;
  /** Times it left. */
  sends = 0;
  /** How many of these nobody has said of that they came to nothing. */
  #open = 0;
  sentMs = 0;
  firstSentMs = 0;
  /** Refusals in a row, for the backoff. */
  refusals = 0;
  /** The last refusal that passed: why it took so long. */
  refusal: ConclaveError | null = null;
  isSettled = false;
  cancels: Cancel[] = [];
  readonly #resolve: (answer: Answered) => void;
  readonly #reject: (error: unknown) => void;

  constructor(
    spec: RequestSpec,
    deadlineMs: number,
    resolve: (answer: Answered) => void,
    reject: (error: unknown) => void,
  ) {
    this.spec = spec;
    this.deadlineMs = deadlineMs;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Of a mutation that left, and of which nobody has said what came of it, nobody knows. */
  get outcome(): Outcome {
    return this.spec.changes && this.#open > 0 ? 'unknown' : 'not-applied';
  }

  left(nowMs: number): void {
    if (this.sends === 0) this.firstSentMs = nowMs;
    this.sends++;
    this.#open++;
    this.sentMs = nowMs;
  }

  /** In passing: it is sent again. */
  refused(body: ErrorBody): void {
    this.#close(body);
    this.refusal = fromBody(body);
    this.spec.refused?.(this.refusal);
  }

  #close({ outcome }: ErrorBody): void {
    if (outcome === 'not-applied') this.#open--;
  }

  /** What has left has its sequence, too. */
  get isNumbered(): boolean {
    return this.sends > 0 || this.spec.numbered === true;
  }

  answer(message: AnswerMessage): void {
    if (!this.#settle()) return;
    this.#resolve({ message, sentMs: this.sentMs, firstSentMs: this.firstSentMs });
  }

  refuse(body: ErrorBody): void {
    const { changes } = this.spec;
    this.#close(body);
    const doubtful = changes && this.#open > 0 && saidByMembers.has(body.code);
    this.fail(fromBody(body, doubtful ? 'unknown' : changes ? body.outcome : 'not-applied'));
  }

  /** Nothing but the log has the last word. */
  insistsAfter({ code }: ErrorBody): boolean {
    return saidByMembers.has(code) && this.spec.insists?.() === true;
  }

  fail(error: unknown): void {
    if (this.#settle()) this.#reject(error);
  }

  timedOut(): void {
    const message =
      this.sends === 0
        ? `${this.spec.what}: it could not be sent within its time`
        : `${this.spec.what}: it was not answered within its time`;
    this.fail(outOfTime(message, this.refusal ?? this.spec.lane.obstacle, this.outcome));
  }

  #settle(): boolean {
    if (this.isSettled) return false;
    this.isSettled = true;
    for (const cancel of this.cancels) cancel();
    this.cancels = [];
    this.spec.lane.remove(this);
    this.spec.settled?.();
    return true;
  }
}

/** Messages that answer a request, and carry its id. */
export type Reply = AnswerMessage | ErrorMessage;

const replies: ReadonlySet<string> = new Set<Reply['type']>([
  'result',
  'error',
  'keepaliveAnswer',
  'keepaliveHoldsAnswer',
  'leaseTimesAnswer',
  'sessionsResumed',
  'status',
  'transferred',
  'backupChunk',
]);

export function isReply(message: MemberMessage): message is Reply {
  return replies.has(message.type);
}
