import type { ErrorCode, Identity, Result } from '@conclave/protocol';
import type { Scheduler } from '../scheduler.ts';
import type { SocketWorld } from './client-socket.ts';
import type { MemberHost } from './host.ts';
import type { Call, MemberObserver } from './observer.ts';

/** What a client lives in. */
export interface ClientWorld {
  readonly scheduler: Scheduler;
  readonly sockets: SocketWorld;
  readonly hosts: readonly MemberHost[];
  readonly observers: readonly MemberObserver[];
  readonly breakEveryMs: number;
}

/** What became of a call. `session`: its session ended before it was answered. */
export type Outcome = { readonly result: Result } | { readonly lost: 'session' | 'not-applied' | 'unknown' };

/** A call that its client has not settled yet. */
export interface Pending {
  readonly call: Call;
  readonly identity: Identity | null;
  readonly done: (outcome: Outcome) => void;
  /** Sent once only: then a refusal means what it says. */
  sendings: number;
}

export function lockText({ name }: { readonly name: { readonly kind: string; readonly name: Uint8Array } }): string {
  return `${name.kind}/${Buffer.from(name.name).toString('latin1')}`;
}

/** What a client does about an error. `defect`: nothing that it did can have caused it. */
export function adviceFor(code: ErrorCode): 'again' | 'session' | 'settled' | 'defect' {
  switch (code) {
    case 'OVERLOADED':
    case 'UNAVAILABLE':
    case 'NOT_LEADER':
    case 'DEADLINE_EXCEEDED':
      return 'again';
    case 'SESSION_EXPIRED':
      return 'session';
    case 'OUTCOME_UNKNOWN':
    case 'RESPONSE_FORGOTTEN':
    case 'COMPACTED':
    case 'NOT_FOUND':
    case 'INVALID_ARGUMENT':
      return 'settled';
    // The newest connection has the session, and a client has but one.
    case 'FENCED':
    case 'FUTURE_REVISION':
    case 'INTERNAL':
    case 'LIMIT_EXCEEDED':
    case 'NO_SPACE':
    case 'PROTOCOL':
    case 'STALE_SEQUENCE':
    case 'TOO_LARGE':
    case 'UNSUPPORTED_VERSION':
      return 'defect';
  }
}
