// A client of the real SDK on real sockets, whose member somebody else chooses: whatever the SDK dials, it gets the chosen one, and the connection breaks
// when the choice changes, with everything that is on its way.
import type { Client } from '@conclave/client';
import { createClient, type Environment, realEnvironment, type Socket } from '@conclave/client/internal';

export class MovingClient implements AsyncDisposable {
  readonly client: Client;
  readonly #choice: Choice;

  private constructor(client: Client, choice: Choice) {
    this.client = client;
    this.#choice = choice;
  }

  static async connect(endpoint: string): Promise<MovingClient> {
    const choice = new Choice(endpoint);
    const environment: Environment = {
      ...realEnvironment,
      // No pause before it dials again: it is moved more often than anything moves by itself.
      random: { ...realEnvironment.random, fraction: () => 0 },
      openSocket: (_url, events) => choice.open(events),
    };
    return new MovingClient(await createClient(environment, { endpoints: [endpoint] }), choice);
  }

  /** Connections that were opened. */
  get connections(): number {
    return this.#choice.opened;
  }

  moveTo(endpoint: string): void {
    this.#choice.moveTo(endpoint);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
  }
}

type Events = Parameters<Environment['openSocket']>[1];

class Choice {
  #endpoint: string;
  #break: (() => void) | null = null;
  opened = 0;

  constructor(endpoint: string) {
    this.#endpoint = endpoint;
  }

  open(events: Events): Socket {
    let over = false;
    const once = (reason: string): void => {
      if (over) return;
      over = true;
      events.closed(reason);
    };
    const socket = realEnvironment.openSocket(this.#endpoint, {
      opened: () => {
        if (over) return;
        this.opened++;
        events.opened();
      },
      received: (frame) => {
        if (!over) events.received(frame);
      },
      closed: once,
    });
    this.#break = () => {
      socket.close();
      once('it was moved');
    };
    return {
      send: (frame) => socket.send(frame),
      close: () => {
        over = true;
        socket.close();
      },
    };
  }

  moveTo(endpoint: string): void {
    this.#endpoint = endpoint;
    this.#break?.();
    this.#break = null;
  }
}
