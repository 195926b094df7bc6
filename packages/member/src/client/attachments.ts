import type { Broken, Contended, Granted, LeaseId, SessionEndCause } from '@conclave/protocol';
import type { Notification } from '@conclave/state-machine';

/** The connection that a session talks over, as far as its pushes go. */
export interface Attached {
  /** Counts the connections of this member: of two the newer one has the larger. */
  readonly order: number;
  readonly isClosed: boolean;
  told(message: Granted | Contended | Broken): void;
  ended(session: LeaseId, cause: SessionEndCause): void;
}

interface Attachment {
  readonly to: Attached;
  readonly epoch: number;
}

/**
 * Which of this member's connections each session uses, and with which epoch. Epochs are given out by the log: of all connections to all
 * members the one with the largest has the session, and the others hear so when the entry is applied where they are.
 */
export class Attachments {
  readonly #attachments = new Map<LeaseId, Attachment>();

  get count(): number {
    return this.#attachments.size;
  }

  /** False when the session has gone on, on a connection with a larger epoch, or when this one is gone. */
  attach(session: LeaseId, epoch: number, to: Attached): boolean {
    if (to.isClosed) return false;
    const known = this.#attachments.get(session);
    if (known !== undefined && known.to !== to) {
      // Opened twice with one secret, because the first connection broke before it had the answer: nothing counted that, so the newer has it.
      const isReopened = epoch === 0 && known.epoch === 0 && to.order > known.to.order;
      if (known.epoch >= epoch && !isReopened) return false;
      known.to.ended(session, 'fenced');
    }
    this.#attachments.set(session, { to, epoch });
    return true;
  }

  isAttached(session: LeaseId, to: Attached): boolean {
    return this.#attachments.get(session)?.to === to;
  }

  /** Null: it is not, or no longer, on this connection. */
  epochOf(session: LeaseId, on: Attached): number | null {
    const attachment = this.#attachments.get(session);
    return attachment?.to === on ? attachment.epoch : null;
  }

  detach(session: LeaseId, from: Attached): void {
    if (this.isAttached(session, from)) this.#attachments.delete(session);
  }

  notify(notifications: readonly Notification[]): void {
    for (const notification of notifications) {
      const attachment = this.#attachments.get(notification.session);
      if (attachment === undefined) continue;
      switch (notification.type) {
        case 'granted':
        case 'contended':
        case 'broken':
          attachment.to.told(notification);
          break;
        case 'sessionMoved':
          if (attachment.epoch >= notification.epoch) break;
          this.#attachments.delete(notification.session);
          attachment.to.ended(notification.session, 'fenced');
          break;
        case 'sessionEnded':
          this.#attachments.delete(notification.session);
          attachment.to.ended(notification.session, notification.cause);
          break;
        case 'released':
        case 'cancelled':
          // Whoever gave it back has the answer.
          break;
      }
    }
  }
}
