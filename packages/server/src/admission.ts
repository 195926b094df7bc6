import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

/** Who may open a client connection: decided from the headers of the request, before anything is upgraded. */
export class Doorkeeper {
  readonly #clientUrls: () => readonly string[];
  readonly #allowOrigins: readonly string[];

  /** `clientUrls`: of all members, which come and go. */
  constructor(clientUrls: () => readonly string[], allowOrigins: readonly string[]) {
    this.#clientUrls = clientUrls;
    this.#allowOrigins = allowOrigins.map((origin) => new URL(origin).origin);
  }

  /** Null when it may come in; otherwise why not. */
  refusal({ headers: { host, origin } }: IncomingMessage): string | null {
    const urls = this.#clientUrls().map((url) => new URL(url));
    if (!knowsHost(host, urls)) {
      // A page of a foreign name that resolves to this machine (DNS rebinding) is told apart by the name that it asks for.
      return `Host ${JSON.stringify(host ?? '')} is no address and not the name of a member`;
    }
    // Programs send none. A browser always does, and a foreign page must not use the network that its visitor is in.
    const own = urls.flatMap((url) => [`http://${url.host}`, `https://${url.host}`]);
    if (origin !== undefined && !own.includes(origin) && !this.#allowOrigins.includes(origin)) {
      return `Origin ${origin} is not a member's own; it can be allowed with --allow-origin`;
    }
    return null;
  }
}

function knowsHost(host: string | undefined, urls: readonly URL[]): boolean {
  if (host === undefined) return false;
  const name = host
    .replace(/:\d+$/, '')
    .replaceAll(/^\[|\]$/g, '')
    .toLowerCase();
  return isIP(name) !== 0 || name === 'localhost' || urls.some(({ hostname }) => hostname === name);
}
