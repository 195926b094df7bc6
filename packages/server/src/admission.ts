import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

/** Who may open a client connection: decided from the headers of the request, before anything is upgraded. */
export class Doorkeeper {
  readonly #hosts: ReadonlySet<string>;
  readonly #origins: ReadonlySet<string>;

  constructor(clientUrls: readonly string[], allowOrigins: readonly string[]) {
    const urls = clientUrls.map((url) => new URL(url));
    this.#hosts = new Set(['localhost', ...urls.map((url) => url.hostname)]);
    this.#origins = new Set([
      ...urls.flatMap((url) => [`http://${url.host}`, `https://${url.host}`]),
      ...allowOrigins.map((origin) => new URL(origin).origin),
    ]);
  }

  /** Null when it may come in; otherwise why not. */
  refusal({ headers: { host, origin } }: IncomingMessage): string | null {
    if (!this.#knowsHost(host)) {
      // A page of a foreign name that resolves to this machine (DNS rebinding) is told apart by the name that it asks for.
      return `Host ${JSON.stringify(host ?? '')} is no address and not the name of a member`;
    }
    // Programs send none. A browser always does, and a foreign page must not use the network that its visitor is in.
    if (origin !== undefined && !this.#origins.has(origin)) {
      return `Origin ${origin} is not a member's own; it can be allowed with --allow-origin`;
    }
    return null;
  }

  #knowsHost(host: string | undefined): boolean {
    if (host === undefined) return false;
    const name = host
      .replace(/:\d+$/, '')
      .replaceAll(/^\[|\]$/g, '')
      .toLowerCase();
    return isIP(name) !== 0 || this.#hosts.has(name);
  }
}
