import type { Entry, Message, Output } from '@conclave/core';
import type { Host } from './host.ts';

/** What an invariant gets to see, at the moment it happens. Each implements what it needs. */
export interface Observer {
  readonly name: string;
  /** A member started, for the first time or again, from what its disk held. */
  started?(host: Host): void;
  /** Core took one input. */
  stepped?(host: Host): void;
  /** Core gave out its output; nothing of it has been acted on yet. */
  took?(host: Host, output: Output): void;
  /** A message leaves the member. */
  sent?(host: Host, message: Message): void;
  /** The member's disk image changed. */
  durable?(host: Host): void;
  applied?(host: Host, entry: Entry): void;
  /** The state is about to be replaced by a snapshot at this position. */
  restored?(host: Host, index: number, term: number): void;
  crashed?(host: Host): void;
  /** A client was told that its write stands at `index`. */
  writeAcknowledged?(index: number): void;
  readBegan?(read: number): void;
  /** A client's read was answered from the state at `appliedIndex`. */
  readAnswered?(read: number, appliedIndex: number): void;
  /** Everything has healed and quietened down. */
  ended?(hosts: readonly Host[]): void;
}
