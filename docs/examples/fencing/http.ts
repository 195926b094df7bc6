// Fencing in an HTTP service: a wrapper around a handler that refuses a request whose fence is smaller than one that was here before.
//
// Protects: what the handlers of one process do until their promises resolve.
// Does not: what a handler leaves running behind its promise; a resource that several processes serve, each with a gate of its own. There
// the fence belongs into the transaction of the database behind them, and this wrapper only saves the way there.
import type { IncomingMessage, ServerResponse } from 'node:http';

/** Remembers the largest fence of each lock. False: this one is smaller. */
export interface Fences {
  claim(lock: string, fence: number): boolean;
}

/**
 * Begins anew with each start of the process, and then lets the first request in whatever its fence is: for a service whose state begins anew as
 * well. Otherwise keep the fences where the state is kept.
 */
export class FencesInMemory implements Fences {
  readonly #largest = new Map<string, number>();

  claim(lock: string, fence: number): boolean {
    if (fence < (this.#largest.get(lock) ?? 0)) return false;
    this.#largest.set(lock, fence);
    return true;
  }
}

export type Handler<Request, Response> = (request: Request, response: Response) => Promise<void>;
export type Next = (error?: unknown) => void;

export interface GateOptions<Request> {
  readonly fences: Fences;
  /** The resource says which lock protects it, never the request's sender. */
  readonly lockOf: (request: Request) => string;
}

/** Requests of one lock that wait for those before them. */
const maxWaiting = 100;

/**
 * `handler` behind a gate, in the shape that node:http and Express take. It runs for one request of a lock at a time: were a later
 * holder's let in while an earlier one's still runs, that one could write last. One for all resources that share locks. What may take as long
 * as the client likes, such as reading the body, belongs in front of it.
 *
 * Answers without asking the handler: 428 no fence, 400 not a fence, 409 a smaller one, 503 too many wait.
 */
export function fenced<Request extends IncomingMessage, Response extends ServerResponse>(
  { fences, lockOf }: GateOptions<Request>,
  handler: Handler<Request, Response>,
): (request: Request, response: Response, next?: Next) => void {
  const queues = new Map<string, { waiting: number; last: Promise<void> }>();

  async function pass(request: Request, response: Response): Promise<void> {
    const header = request.headers['conclave-fence'];
    if (header === undefined) return refuse(response, 428, { error: 'the header Conclave-Fence is missing' });
    const fence = typeof header === 'string' && /^[1-9]\d*$/.test(header) ? Number(header) : Number.NaN;
    if (!Number.isSafeInteger(fence)) return refuse(response, 400, { error: 'Conclave-Fence is not a fence' });
    const lock = lockOf(request);
    const queue = queues.get(lock) ?? { waiting: 0, last: Promise.resolve() };
    if (queue.waiting === maxWaiting) return refuse(response, 503, { error: 'too many wait', lock });
    queue.waiting += 1;
    queues.set(lock, queue);
    const turn = queue.last.then(async () => {
      if (fences.claim(lock, fence)) await handler(request, response);
      else refuse(response, 409, { error: 'stale fence', lock, fence });
    });
    queue.last = turn
      .catch(() => {})
      .then(() => {
        queue.waiting -= 1;
        if (queue.waiting === 0) queues.delete(lock);
      });
    return turn;
  }

  async function run(request: Request, response: Response, next: Next | undefined): Promise<void> {
    try {
      await pass(request, response);
    } catch (error) {
      if (next !== undefined) next(error);
      else if (response.headersSent) response.destroy();
      else refuse(response, 500, { error: 'failed' });
    }
  }

  return (request, response, next) => void run(request, response, next);
}

function refuse(response: ServerResponse, status: number, body: Readonly<Record<string, unknown>>): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
