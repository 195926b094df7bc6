import { ProtocolError } from '@conclave/protocol';
import type { ClientSocket } from '../environment.ts';
import type { ClientServices } from './client-services.ts';
import { ClientConnection } from './connection.ts';

/** All clients of this member. */
export class Connections {
  readonly #services: () => ClientServices;
  /** Whether somebody is here, whenever that changes. */
  readonly #audience: (present: boolean) => void;
  readonly #connections = new Set<ClientConnection>();
  #next = 1;

  constructor(services: () => ClientServices, audience: (present: boolean) => void) {
    this.#services = services;
    this.#audience = audience;
  }

  get count(): number {
    return this.#connections.size;
  }

  /** `unwelcome`: why it is sent away at once. */
  connect(socket: ClientSocket, unwelcome: string | null): ClientConnection {
    const connection = new ClientConnection(this.#services(), socket, this.#next++);
    if (this.#connections.add(connection).size === 1) this.#audience(true);
    if (unwelcome !== null) connection.goodbye(new ProtocolError('UNAVAILABLE', unwelcome), null);
    return connection;
  }

  closed(connection: ClientConnection): void {
    if (this.#connections.delete(connection) && this.#connections.size === 0) this.#audience(false);
  }

  membersChanged(): void {
    for (const connection of this.#connections) connection.membersChanged();
  }

  /** They have heard where the others are. */
  sendAway(why: string): void {
    this.membersChanged();
    this.goodbye(new ProtocolError('UNAVAILABLE', why));
  }

  goodbye(why: ProtocolError): void {
    for (const connection of this.#connections) connection.goodbye(why, 0);
  }
}
